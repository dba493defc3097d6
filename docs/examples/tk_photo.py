"""A window for one photo from a phone: scan the code, type the number, and it is in Downloads.

python tk_photo.py --lan
"""

import gc
import sys
import tkinter as tk
from pathlib import Path
from tkinter import messagebox, simpledialog, ttk

import proxim

FOLDER = Path.home() / "Downloads"


def ask_number(prompt):
    """Return the number that the phone shows, or None to decline."""
    text = f"“{prompt.device_info.name}” asks to connect.\nType the number that it shows:"
    return simpledialog.askstring("Your phone", text, parent=window)


def ask_file(offer):
    """Return whether the person takes a file."""
    return messagebox.askyesno("Your phone", f"Take “{offer.name}”, {offer.size / 1e6:.1f} MB?")


def show(what):
    """Show what the phone says, and what becomes of its files."""
    status["text"] = what


# Python collects garbage in any thread, and what belongs to Tk with it: so not by itself.
gc.disable()
window = tk.Tk()
window.title("A photo from your phone")
picture, status = ttk.Label(window), ttk.Label(window, wraplength=360, padding=12)
picture.pack()
status.pack()
lan = "--lan" in sys.argv
with proxim.run_in_thread(port=0, lan=lan, call_in=window.after_idle) as node:
    session = node.open_session("one_time", confirm="code", decide=ask_number)
    session.talk(FOLDER, hear=show, notice=show, decide=ask_file, done=show)
    image = tk.PhotoImage(master=window, data=proxim.qr.png(session.link, module_pixels=7))
    picture["image"] = image
    status["text"] = f"Scan this code with your phone, or open\n{session.link}"
    window.mainloop()
