"""A Qt window that connects a phone: a code to scan, a question, then chat and files.

python qt_host.py          # for this computer
python qt_host.py --lan    # for phones in your network
"""

import sys
from contextlib import suppress
from html import escape
from pathlib import Path

from PySide6 import QtCore, QtGui, QtWidgets

import proxim

FOLDER = Path.home() / "Downloads"
PLAIN = QtCore.Qt.TextFormat.PlainText


class Window(QtWidgets.QWidget):
    """Shows a code until a phone is connected, and then what the phone sends."""

    called = QtCore.Signal(object)  # With a function for the window's thread.

    def __init__(self):
        super().__init__(windowTitle="Connect a phone")
        self.called.connect(self.call)
        self.status = QtWidgets.QLabel(textFormat=PLAIN)
        self.status.setStyleSheet("font-size: 18pt; margin: 8px")
        self.picture = QtWidgets.QLabel(alignment=QtCore.Qt.AlignmentFlag.AlignCenter)
        self.link = QtWidgets.QLineEdit(readOnly=True)
        self.code = row(self.link, button("Copy the link", self.copy))
        self.entry = QtWidgets.QLineEdit(returnPressed=self.send)
        send, file = button("Send", self.send), button("Send a file…", self.send_file)
        self.chat = row(self.entry, send, file, button("Disconnect", lambda: self.session.close()))
        self.progress = QtWidgets.QLabel(textFormat=PLAIN)
        self.log = QtWidgets.QPlainTextEdit(readOnly=True)
        layout = QtWidgets.QVBoxLayout(self)
        for each in (self.status, self.picture, self.code, self.chat, self.progress, self.log):
            layout.addWidget(each)

    def call(self, function):
        """Call a function."""
        function()

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
        if self.session.over is not None:
            self.open_session(node)
        session = self.session
        is_connected = session.status == "approved"
        self.picture.setVisible(not is_connected)
        self.code.setVisible(not is_connected)
        self.chat.setVisible(is_connected)
        self.progress.setText("\n".join(map(str, self.talk.transfers)))
        if is_connected:
            state = "Connected to" if session.peer_online else "Waiting for"
            self.status.setText(f"{state} “{session.device_info.name}”")
        else:
            self.status.setText("Scan this code with your phone")
            if session.device_info is None and session.lapses_in < 1:
                with suppress(proxim.RequestError):  # A phone has just asked.
                    session.renew()
            if session.link != self.link.text():
                self.link.setText(session.link)
                self.link.setCursorPosition(0)
                picture = QtGui.QPixmap()
                picture.loadFromData(proxim.qr.png(session.link, module_pixels=7))
                self.picture.setPixmap(picture)

    def copy(self):
        """Copy the link, for a phone that cannot scan it."""
        QtWidgets.QApplication.clipboard().setText(self.link.text())

    def send(self):
        """Send what the person has typed."""
        if text := self.entry.text():
            self.entry.clear()
            self.say(f"You: {text}")
            self.talk.send(text)

    def send_file(self):
        """Offer a file that the person chooses."""
        path, _ = QtWidgets.QFileDialog.getOpenFileName(self)
        if path:
            self.talk.send_file(path)

    def say(self, line):
        """Show a line, or what has become of a file."""
        self.log.appendPlainText(str(line))

    def ask(self, prompt):
        """Return the number that the phone shows, or False to decline."""
        dialog = QtWidgets.QInputDialog(self, windowTitle="A device asks to connect")
        name = escape(prompt.device_info.name)
        dialog.setLabelText(f"<b>{name}</b> asks to connect.<br>Type the number that it shows:")
        return dialog.textValue().strip() if answer(dialog, prompt) else False

    def ask_file(self, offer):
        """Return whether the person takes a file."""
        dialog = QtWidgets.QMessageBox(self, windowTitle="A file")
        dialog.setText(f"Take <b>{escape(offer.name)}</b>, {offer.size / 1e6:.1f} MB?")
        buttons = QtWidgets.QMessageBox.StandardButton
        dialog.setStandardButtons(buttons.Yes | buttons.No)
        dialog.setDefaultButton(buttons.No)  # Enter may end a line that the person types.
        return answer(dialog, offer) == buttons.Yes


def answer(dialog, subject):
    """Return the answer to a dialog, which ends once there is nothing to decide."""
    watch = QtCore.QTimer(dialog, interval=200)
    watch.timeout.connect(lambda: subject.is_over and dialog.reject())
    watch.start()
    result = dialog.exec()
    dialog.deleteLater()
    return result


def button(text, clicked):
    """Return a button."""
    return QtWidgets.QPushButton(text, clicked=clicked)


def row(*widgets):
    """Return a widget with others, side by side."""
    row = QtWidgets.QWidget()
    layout = QtWidgets.QHBoxLayout(row)
    layout.setContentsMargins(0, 0, 0, 0)
    for widget in widgets:
        layout.addWidget(widget)
    return row


application = QtWidgets.QApplication(sys.argv)
window = Window()
lan = "--lan" in sys.argv
with proxim.run_in_thread(port=0, lan=lan, call_in=window.called.emit) as node:
    window.open_session(node)
    window.tick(node)
    timer = QtCore.QTimer(interval=300)
    timer.timeout.connect(lambda: window.tick(node))
    timer.start()
    window.show()
    application.exec()
