"""A window that connects a phone: a code to scan, a question, then chat and files.

python tk_host.py          # for this computer
python tk_host.py --lan    # for phones in your network
"""

import gc
import sys
import tkinter as tk
from contextlib import suppress
from pathlib import Path
from tkinter import filedialog, scrolledtext, simpledialog, ttk

import proxim

FOLDER = Path.home() / "Downloads"


class Window(tk.Tk):
    """Shows a code until a phone is connected, and then what the phone sends."""

    def __init__(self):
        super().__init__()
        self.title("Connect a phone")
        self.bind("<Escape>", lambda _: self.destroy())
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
        for text, command in (
            ("Send", self.send),
            ("Send a file…", self.send_file),
            ("Disconnect", lambda: self.session.close()),
        ):
            ttk.Button(self.chat, text=text, command=command).pack(side="left")
        self.progress = ttk.Label(self, padding=(12, 6))
        self.log = scrolledtext.ScrolledText(self, width=60, height=8, wrap="word")
        self.log.bind("<Key>", lambda _: "break")  # It is for reading.
        self.log.pack(side="bottom", fill="both", expand=True, padx=12, pady=12)

    def open_session(self, node):
        """Wait for a phone."""
        self.session = node.open_session("temporary", ttl=3600, confirm="code", decide=self.ask)
        self.talk = self.session.talk(
            FOLDER,
            hear=lambda text: self.say(f"Phone: {text}"),
            notice=self.say,
            decide=self.ask_file,
            done=self.say,
        )

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
            self.progress["text"] = "\n".join(map(str, self.talk.transfers))
            self.progress.pack(fill="x")
        else:
            self.status["text"] = "Scan this code with your phone"
            self.chat.pack_forget()
            self.progress.pack_forget()
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
        self.after(300, self.tick, node)

    def copy(self):
        """Copy the link, for a phone that cannot scan it."""
        self.clipboard_clear()
        self.clipboard_append(self.link.get())

    def send(self, *_):
        """Send what the person has typed."""
        if text := self.entry.get():
            self.entry.delete(0, "end")
            self.say(f"You: {text}")
            self.talk.send(text)

    def send_file(self):
        """Offer a file that the person chooses."""
        if path := filedialog.askopenfilename(parent=self):
            self.talk.send_file(path)

    def say(self, line):
        """Show a line, or what has become of a file."""
        self.log.insert("end", f"{line}\n")
        self.log.see("end")

    def ask(self, prompt):
        """Return the number that the phone shows, or False to decline."""
        text = f"“{prompt.device_info.name}” asks to connect.\nType the number that it shows:"
        return Question(self, prompt, text, has_number=True).answer

    def ask_file(self, offer):
        """Return whether the person takes a file."""
        text = f"Take “{offer.name}”, {offer.size / 1e6:.1f} MB?"
        return Question(self, offer, text).answer


class Question(simpledialog.Dialog):
    """Asks about a request or a file, as long as it waits."""

    def __init__(self, parent, subject, text, has_number=False):
        self.subject, self.text, self.has_number, self.answer = subject, text, has_number, False
        super().__init__(parent, "Your phone")  # Returns when it is closed.

    def body(self, frame):
        """Fill the dialog, and return what gets the focus."""
        ttk.Label(frame, text=self.text, padding=12).pack()
        self.entry = ttk.Entry(frame, width=4, font=("", 24))
        if self.has_number:
            self.entry.pack()
        self.watch()
        return self.entry if self.has_number else None

    def buttonbox(self):
        """Add the buttons."""
        super().buttonbox()
        if not self.has_number:
            self.unbind("<Return>")  # It may end a line that the person types in the window.

    def watch(self):
        """Close the dialog once there is nothing to decide."""
        self.cancel() if self.subject.is_over else self.after(200, self.watch)

    def apply(self):
        """Take the answer, after OK."""
        self.answer = self.entry.get().strip() if self.has_number else True


# Python collects garbage in any thread, and what belongs to Tk with it: so not by itself.
gc.disable()
window = Window()
with proxim.run_in_thread(port=0, lan="--lan" in sys.argv, call_in=window.after_idle) as node:
    window.open_session(node)
    window.tick(node)
    window.mainloop()
