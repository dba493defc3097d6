"""A window that connects a phone: a code to scan, a question, then chat and files.

python tk_host.py          # for this computer
python tk_host.py --lan    # for phones in your network
"""

import gc
import sys
import tkinter as tk
from contextlib import suppress
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from tkinter import messagebox, scrolledtext, simpledialog, ttk

import proxim

FOLDER = Path.home() / "Downloads"


class Window(tk.Tk):
    """Shows a code until a phone is connected, and then what the phone sends."""

    def __init__(self):
        super().__init__()
        self.title("Connect a phone")
        self.bind("<Escape>", lambda _: self.destroy())
        self.news = SimpleQueue()  # Lines for the log. Other threads must not touch the window.
        self.status = ttk.Label(self, font=("", 16))
        self.status.pack(pady=12)
        self.code = ttk.Frame(self, padding=(12, 0))
        self.picture = ttk.Label(self.code)
        self.picture.pack()
        self.link = tk.StringVar(self)
        link = ttk.Entry(self.code, textvariable=self.link, state="readonly", width=40)
        link.pack(side="left", fill="x", expand=True)
        ttk.Button(self.code, text="Copy the link", command=self.copy).pack(side="left")
        self.chat = ttk.Frame(self, padding=(12, 0))
        self.entry = ttk.Entry(self.chat)
        self.entry.bind("<Return>", self.send)
        self.entry.pack(side="left", fill="x", expand=True)
        ttk.Button(self.chat, text="Send", command=self.send).pack(side="left")
        end = ttk.Button(self.chat, text="Disconnect", command=lambda: self.session.close())
        end.pack(side="left")
        self.log = scrolledtext.ScrolledText(self, width=60, height=8, wrap="word")
        self.log.bind("<Key>", lambda _: "break")  # It is for reading.
        self.log.pack(side="bottom", fill="both", expand=True, padx=12, pady=12)

    def open_session(self, node):
        """Wait for a phone."""
        self.session = node.open_session("temporary", ttl=3600, confirm="code", decide=self.ask)
        self.way = self.session  # Chat goes through the server until there is a channel.
        self.in_background(self.talk, self.session)

    def talk(self, session):
        """Connect to the phone, and take what it sends."""
        try:
            channel = session.channel()  # Once a phone is approved.
            channel.listen(self.hear)
            channel.receive_files(FOLDER, decide=self.ask_file, done=self.show_file)
            self.way = channel
        except (proxim.Unreachable, proxim.NotSupported) as error:
            self.news.put(f"No files, and chat goes through the server: {error}.")
        for data in session.signals():  # So comes the phone's chat if there is no channel.
            if isinstance(data, str):
                self.hear(data)
        self.news.put(f"{session.over}.")

    def in_background(self, function, *args):
        """Call what may wait for the phone in a thread, so that the window goes on."""

        def work():
            try:
                function(*args)
            except proxim.ProximError as error:
                self.news.put(f"{error}.")

        Thread(target=work, daemon=True).start()

    def tick(self, node):
        """Keep what the window shows up to date."""
        gc.collect()  # What belongs to Tk may be freed in this thread only.
        if self.session.over is not None:
            self.open_session(node)
        session = self.session
        if session.status == "approved":
            state = "Connected to" if session.peer_online else "Waiting for"
            self.status["text"] = f"{state} “{session.device_info.name}”"
            self.code.pack_forget()
            self.chat.pack(fill="x")
        else:
            self.status["text"] = "Scan this code with your phone"
            self.chat.pack_forget()
            self.code.pack(fill="x")
            if session.device_info is None and session.lapses_in < 1:
                with suppress(proxim.RequestError):  # A phone has just asked.
                    session.renew()
            if session.link != self.link.get():
                self.link.set(session.link)
                self.image = tk.PhotoImage(
                    master=self, data=proxim.qr.png(session.link, module_pixels=7)
                )
                self.picture["image"] = self.image
        while not self.news.empty():
            self.log.insert("end", f"{self.news.get()}\n")
            self.log.see("end")
        self.after(300, self.tick, node)

    def copy(self):
        """Copy the link, for a phone that cannot scan it."""
        self.clipboard_clear()
        self.clipboard_append(self.link.get())

    def send(self, *_):
        """Send what the person has typed."""
        if text := self.entry.get():
            self.entry.delete(0, "end")
            self.news.put(f"You: {text}")
            self.in_background(self.way.send, text)

    def hear(self, text):
        """Show what the phone says."""
        self.news.put(f"Phone: {text}")

    def ask(self, prompt):
        """Return the number that the phone shows, or False to decline."""
        return AskNumber(self, prompt).number

    def ask_file(self, offer):
        """Return whether the person takes a file."""
        text = f"Take “{offer.name}”, {offer.size / 1e6:.1f} MB?"
        return messagebox.askyesno("A file", text, parent=self)

    def show_file(self, offer):
        """Say what has become of a file."""
        self.news.put(f"Received {offer.path}" if offer.path else f"{offer.name}: {offer.error}")


class AskNumber(simpledialog.Dialog):
    """Asks for the number that a phone shows, as long as it waits."""

    def __init__(self, parent, prompt):
        self.prompt, self.number = prompt, False
        super().__init__(parent, "A device asks to connect")  # Returns when it is closed.

    def body(self, frame):
        """Fill the dialog, and return what gets the focus."""
        text = f"“{self.prompt.device_info.name}” asks to connect.\nType the number that it shows:"
        ttk.Label(frame, text=text, padding=12).pack()
        self.entry = ttk.Entry(frame, width=4, font=("", 24))
        self.entry.pack()
        self.watch()
        return self.entry

    def watch(self):
        """Close the dialog once there is nothing to decide."""
        self.cancel() if self.prompt.is_over else self.after(200, self.watch)

    def apply(self):
        """Take the number, after OK."""
        self.number = self.entry.get().strip()


# Python collects garbage in any thread, and what belongs to Tk with it: so not by itself.
gc.disable()
window = Window()
with proxim.run_in_thread(port=0, lan="--lan" in sys.argv, call_in=window.after_idle) as node:
    window.open_session(node)
    window.tick(node)
    window.mainloop()
