"""Runs an example with a window, and drives the window: it sees, types and presses buttons.

``python -m tests.docs.driver EXAMPLE`` prints a line for each text that comes to be seen, and takes
commands from its standard input. ``EXAMPLE qr_ttl=3`` gives its node a setting.

    type TEXT · press BUTTON · enter · choose FILE · picture FILE · clipboard · close

``choose`` gives the file for the next dialog that asks for one.

A text is printed again once it has gone and comes back.
"""

import os
import queue
import runpy
import sys
import threading
import traceback
from functools import partial
from pathlib import Path

import proxim

PERIOD = 0.1
"""Seconds from one look at the window to the next."""


class Driver:
    """Looks at a window and obeys, in its thread, again and again."""

    def __init__(self, hands):
        self._hands = hands
        self._seen = []
        self._commands = queue.SimpleQueue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in sys.stdin:
            self._commands.put(line.rstrip("\n").partition(" "))

    def look(self):
        try:
            self._look()
        except BaseException:
            # A GUI would go on.
            traceback.print_exc()
            os._exit(1)

    def _look(self):
        if not self._commands.empty():
            command, _, text = self._commands.get()
            getattr(self._hands, command)(text)
            return
        texts = self._hands.texts()
        for text in texts:
            if text not in self._seen:
                print(text, flush=True)
        self._seen = texts


class Qt:
    """Looks at the windows of Qt."""

    def __init__(self):
        from PySide6.QtCore import QTimer
        from PySide6.QtWidgets import QApplication

        driver = Driver(self)
        run = QApplication.exec

        def run_and_look(*_):
            timer = QTimer(interval=round(PERIOD * 1000))
            timer.timeout.connect(driver.look)
            timer.start()
            return run()

        QApplication.exec = run_and_look

    def _all(self, kind, modal=False):
        """The visible widgets of a kind; with ``modal`` only those of a dialog, if there is one."""
        from PySide6.QtWidgets import QApplication

        dialog = QApplication.activeModalWidget() if modal else None
        # Without its window, a widget that Python has not made cannot be used.
        self._windows = [dialog] if dialog else QApplication.topLevelWidgets()
        found = [widget for window in self._windows for widget in window.findChildren(kind)]
        # A dialog is a child of its window, too.
        return [widget for widget in dict.fromkeys(found) if widget.isVisible()]

    def texts(self):
        from PySide6.QtWidgets import QLabel, QLineEdit, QPlainTextEdit

        labels = [widget.text() for kind in (QLabel, QLineEdit) for widget in self._all(kind)]
        logs = [widget.toPlainText() for widget in self._all(QPlainTextEdit)]
        return [line for text in [*labels, *logs] for line in text.splitlines() if line]

    def type(self, text):
        from PySide6.QtTest import QTest
        from PySide6.QtWidgets import QLineEdit

        (entry,) = [each for each in self._all(QLineEdit, modal=True) if not each.isReadOnly()]
        QTest.keyClicks(entry, text)

    def press(self, label):
        from PySide6.QtCore import Qt
        from PySide6.QtTest import QTest
        from PySide6.QtWidgets import QPushButton

        buttons = self._all(QPushButton, modal=True)
        (button,) = [each for each in buttons if each.text().replace("&", "") == label]
        QTest.mouseClick(button, Qt.MouseButton.LeftButton)

    def enter(self, _):
        from PySide6.QtCore import Qt
        from PySide6.QtTest import QTest
        from PySide6.QtWidgets import QApplication

        QTest.keyClick(QApplication.activeModalWidget(), Qt.Key.Key_Return)

    def choose(self, path):
        from PySide6.QtWidgets import QFileDialog

        QFileDialog.getOpenFileName = lambda *_: (path, "")

    def picture(self, path):
        from PySide6.QtWidgets import QApplication

        for window in QApplication.topLevelWidgets():
            if window.isVisible() and window is (QApplication.activeModalWidget() or window):
                window.grab().save(path)

    def clipboard(self, _):
        from PySide6.QtWidgets import QApplication

        print("clipboard", QApplication.clipboard().text(), flush=True)

    def close(self, _):
        from PySide6.QtWidgets import QApplication

        QApplication.closeAllWindows()


class Tk:
    """Looks at the windows of Tk, by their names in Tcl: some dialogs have no others."""

    def __init__(self):
        import tkinter

        driver = Driver(self)
        run = tkinter.Tk.mainloop

        def look():
            self._root.after(round(PERIOD * 1000), look)
            driver.look()

        def run_and_look(root, *args):
            self._root = root
            look()
            run(root, *args)

        tkinter.Tk.mainloop = run_and_look

    def _call(self, *words):
        return self._root.tk.call(*words)

    def _all(self, *kinds, modal=False):
        """The visible widgets of these kinds; with ``modal`` only those of a dialog, if any."""
        waiting = [(modal and self._call("grab", "current", ".")) or "."]
        found = []
        while waiting:
            widget = str(waiting.pop(0))
            waiting += self._root.tk.splitlist(self._call("winfo", "children", widget))
            kind = self._call("winfo", "class", widget)
            if self._call("winfo", "viewable", widget) and kind in kinds:
                found.append(widget)
        return found

    def texts(self):
        labels = [str(self._call(each, "cget", "-text")) for each in self._all("Label", "TLabel")]
        links = [str(self._call(each, "get")) for each in self._all("TEntry")]
        logs = [str(self._call(each, "get", "1.0", "end")) for each in self._all("Text")]
        return [line for text in [*labels, *links, *logs] for line in text.splitlines() if line]

    def type(self, text):
        entries = self._all("Entry", "TEntry", modal=True)
        states = {each: str(self._call(each, "cget", "-state")) for each in entries}
        (entry,) = [each for each, state in states.items() if state != "readonly"]
        self._call(entry, "insert", "end", text)

    def press(self, label):
        buttons = self._all("Button", "TButton", modal=True)
        (button,) = [each for each in buttons if str(self._call(each, "cget", "-text")) == label]
        # A dialog that opens would stop the driver.
        self._call("after", "idle", button, "invoke")

    def enter(self, _):
        self._call("event", "generate", self._call("grab", "current", "."), "<Return>")

    def picture(self, path):
        from PIL import ImageGrab

        ImageGrab.grab(xdisplay=os.environ["DISPLAY"]).save(path)

    def choose(self, path):
        from tkinter import filedialog

        filedialog.askopenfilename = lambda **_: path

    def clipboard(self, _):
        print("clipboard", self._root.clipboard_get(), flush=True)

    def close(self, _):
        self._root.destroy()


def main(example, *settings):
    given = dict(setting.split("=") for setting in settings)
    proxim.run_in_thread = partial(
        proxim.run_in_thread, **{name: float(value) for name, value in given.items()}
    )
    (Tk if "tkinter" in Path(example).read_text(encoding="utf-8") else Qt)()
    sys.argv = [example]
    runpy.run_path(example, run_name="__main__")


if __name__ == "__main__":
    main(*sys.argv[1:])
