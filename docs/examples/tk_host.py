"""A window with a QR code, and a dialog when a device asks to pair.

python tk_host.py          # for this computer
python tk_host.py --lan    # for phones in your network
"""

import gc
import sys
import tkinter as tk

import proxim

root = tk.Tk()
root.title("Pair a device")
root.bind("<Escape>", lambda _: root.destroy())

# What belongs to Tk must be freed in this thread: so garbage is collected here, and in no other.
gc.disable()


def collect():
    """Collect what is garbage, again and again."""
    gc.collect()
    root.after(1000, collect)


def ask(prompt):
    """Whether the person lets the device in."""
    approved = tk.BooleanVar(root, value=False)
    dialog = tk.Toplevel(root, padx=24, pady=16)
    dialog.title("A device asks to pair")
    claim = f"It says it is “{prompt.device_info.name}”; nobody has checked that."
    tk.Label(dialog, text=f"A device asks to pair.\n{claim}\nLet it in?").pack()
    time_left = tk.Label(dialog)
    time_left.pack()
    tk.Button(dialog, text="Decline", command=dialog.destroy).pack(side="left")
    approve = tk.Button(dialog, text="Approve", bg="#1a7f37", fg="white")
    approve.configure(command=lambda: (approved.set(True), dialog.destroy()))
    approve.pack(side="right")

    def tick():
        time_left.configure(text=f"{prompt.expires_in:.0f} s left")
        # The guest may have gone, or the time may be up.
        dialog.destroy() if prompt.is_over else dialog.after(200, tick)

    tick()
    dialog.wait_window()
    return approved.get()


with proxim.run_in_thread(port=0, lan="--lan" in sys.argv, call_in=root.after_idle) as node:
    session = node.open_session("one_time", decide=ask)
    code = tk.PhotoImage(data=proxim.qr.png(session.link, module_pixels=6))
    tk.Label(root, image=code).pack()
    status = tk.Label(root, pady=12)
    status.pack()

    def show():
        """Keep what the window says up to date."""
        end = session.over
        status.configure(text="Scan this with your phone" if end is None else str(end))
        if session.peer_online and session.status == "approved":
            status.configure(text=f"Paired with “{session.device_info.name}”")
        root.after(200, show)

    show()
    collect()
    root.mainloop()
