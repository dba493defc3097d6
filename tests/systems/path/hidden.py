"""Hides from `proxim` what Windows or macOS lack, on Linux.

`__import__` gives the modules of `proxim` a stand-in for each standard module that is poorer there,
and no module at all where there is none. Trio, click and the standard library have the real ones:
on Linux they could not do without.

What is hidden, and what stands in for it, is written down here from the documentation of Python and
of the systems. Nothing of this ran on them.
"""

import builtins
import os
import signal
import socket
import sys
import types

_PACKAGE = "proxim"

_NO_MODULES = {
    "win32": {
        *("termios", "tty", "pty", "fcntl", "resource", "pwd", "grp", "syslog", "readline"),
        "curses",
    },
    "darwin": {"msvcrt", "winreg"},
}
_NO_NAMES = {
    "win32": {
        "os": {
            *("O_CLOEXEC", "O_NOCTTY", "O_NOFOLLOW", "O_DIRECTORY", "O_NONBLOCK", "O_SYNC"),
            *("getuid", "geteuid", "getgid", "getegid", "getpgid", "setsid", "fork", "forkpty"),
            *("openpty", "chown", "fchown", "fchmod", "mkfifo", "killpg", "uname", "sysconf"),
            *("statvfs", "sched_getaffinity", "getloadavg", "pread", "pwrite", "sendfile"),
        },
        "select": {"epoll", "poll", "EPOLLIN", "EPOLLOUT", "kqueue"},
        "signal": {
            *(name for name in dir(signal) if name.startswith("SIG")),
            *("alarm", "setitimer", "pause", "pthread_sigmask", "pthread_kill", "sigwait"),
        }
        - {"SIGINT", "SIGTERM", "SIGABRT", "SIGFPE", "SIGILL", "SIGSEGV", "SIG_DFL", "SIG_IGN"},
        "socket": {
            *("AF_UNIX", "AF_NETLINK", "AF_PACKET", "AF_VSOCK", "SOCK_CLOEXEC", "SOCK_NONBLOCK"),
            *("SO_REUSEPORT", "sethostname", "CMSG_LEN"),
        },
        "time": {
            *("clock_gettime", "clock_gettime_ns", "clock_settime", "clock_getres", "tzset"),
            *(name for name in dir(__import__("time")) if name.startswith("CLOCK_")),
        },
    },
    "darwin": {
        "os": {
            *("sched_getaffinity", "sched_setaffinity", "memfd_create", "eventfd", "pidfd_open"),
            *("O_DIRECT", "O_TMPFILE", "O_PATH", "getresuid", "copy_file_range", "getrandom"),
            *("posix_fadvise", "posix_fallocate"),
        },
        "select": {"epoll", "EPOLLIN", "EPOLLOUT"},
        "signal": {"SIGRTMIN", "SIGRTMAX", "SIGPWR", "SIGPOLL", "sigtimedwait", "sigwaitinfo"},
        "socket": {
            *("SOCK_CLOEXEC", "SOCK_NONBLOCK", "AF_NETLINK", "AF_PACKET", "AF_VSOCK"),
            *("SO_DOMAIN", "SO_PROTOCOL", "SO_PEERCRED", "SO_BINDTODEVICE", "TCP_USER_TIMEOUT"),
        },
        "time": {"CLOCK_BOOTTIME", "CLOCK_TAI", "clock_settime", "pthread_getcpuclockid"},
        "resource": {"prlimit", "RLIMIT_SIGPENDING", "RLIMIT_MSGQUEUE"},
    },
}

BREAK = signal.SIGRTMIN + 3
"""What stands in for SIGBREAK, that Linux does not have."""


class _StandIn(types.ModuleType):
    """A module without some of its names, and with some that are others; what is set is set."""

    def __init__(self, real, without=(), others=None):
        super().__init__(real.__name__)
        others = others or {}
        self.__dict__.update(_real=real, _without=frozenset(without), _others=others)

    def __getattribute__(self, name):
        if name == "__dict__":
            return super().__getattribute__(name)
        own = super().__getattribute__("__dict__")
        if name in own["_others"]:
            return own["_others"][name]
        if name in own["_without"]:
            raise AttributeError(f"module {own['_real'].__name__!r} has no {name!r} here")
        return getattr(own["_real"], name)

    def __setattr__(self, name, value):
        setattr(self.__dict__["_real"], name, value)

    def __delattr__(self, name):
        delattr(self.__dict__["_real"], name)


class _Hiding:
    """The stand-ins of one system, each made when it is first wanted."""

    def __init__(self, system, real_import):
        self.system = system
        self.real_import = real_import
        self._made = {}

    def import_(self, name, importer=None, _locals=None, fromlist=(), level=0):
        importer = importer or {}
        package = importer.get("__package__") or importer.get("__name__") or ""
        if level or package.partition(".")[0] != _PACKAGE:
            return self.real_import(name, importer, _locals, fromlist, level)
        top = name.partition(".")[0]
        if top in _NO_MODULES[self.system]:
            raise ModuleNotFoundError(f"No module named {name!r} on {self.system}", name=name)
        if name == "msvcrt":
            return self.real_import("console")
        found = self.real_import(name, importer, _locals, fromlist, level)
        stand_in = self._stand_in(found.__name__)
        return found if stand_in is None else stand_in

    def _stand_in(self, name):
        if name not in self._made:
            others = getattr(self, f"of_{name.replace('.', '_')}", dict)()
            without = _NO_NAMES[self.system].get(name, ())
            real = sys.modules[name]
            self._made[name] = _StandIn(real, without, others) if others or without else None
        return self._made[name]

    # -- what is other there, by the module's name ---------------------------------------------

    def of_sys(self):
        return {"platform": self.system}

    def of_platformdirs(self):
        """The folders of that system; those of Windows are in variables of the environment."""
        from platformdirs import macos, windows

        windows.get_win_folder = windows.get_win_folder_from_env_vars
        folders = {"win32": windows.Windows, "darwin": macos.MacOS}[self.system]
        return {"user_config_path": lambda name: folders(name).user_config_path}

    def of_os(self):
        if self.system != "win32":
            return {}

        def open_(path, flags, mode=0o777, **options):
            """A mode says nothing, and no device of Unix is there but the null device, NUL."""
            if str(path).startswith("/dev/") and path != os.devnull:
                raise FileNotFoundError(2, "No such file or directory", path)
            return os.open(path, flags, 0o666, **options)

        def mkdir(path, mode=0o777, **options):
            os.mkdir(path, **options)

        return {"name": "nt", "open": open_, "mkdir": mkdir, "chmod": lambda *_, **__: None}

    def of_signal(self):
        return {"SIGBREAK": BREAK} if self.system == "win32" else {}

    def of_socket(self):
        # A socket of Linux without SO_REUSEADDR has its port for itself; this option does nothing.
        return {"SO_EXCLUSIVEADDRUSE": socket.SO_KEEPALIVE} if self.system == "win32" else {}

    def of_time(self):
        # The clocks of macOS that stand and do not stand still while the machine sleeps.
        clocks = sys.modules["time"]
        names = {"UPTIME_RAW": clocks.CLOCK_MONOTONIC, "MONOTONIC_RAW": clocks.CLOCK_BOOTTIME}
        hidden = {f"CLOCK_{name}": clock for name, clock in names.items()}
        return hidden if self.system == "darwin" else {}

    def of_errno(self):
        # Sockets of Windows have a number of their own for what would block.
        return {"EAGAIN": 0} if self.system == "win32" else {}

    def of_trio_lowlevel(self):
        if self.system != "win32":
            return {}
        lowlevel = sys.modules["trio.lowlevel"]

        async def wait_readable(what):
            """On Windows only sockets can be waited for."""
            if not hasattr(what, "fileno"):
                raise OSError(10038, "An operation was attempted on something that is not a socket")
            await lowlevel.wait_readable(what)

        return {"wait_readable": wait_readable}

    def of_trio(self):
        return {"lowlevel": self._stand_in("trio.lowlevel")} if self.system == "win32" else {}


def hide(system):
    """Hide what ``system`` lacks from every module of `proxim` that is imported from now on."""
    if not isinstance(getattr(builtins.__import__, "__self__", None), _Hiding):
        builtins.__import__ = _Hiding(system, builtins.__import__).import_
