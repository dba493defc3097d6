"""A Qt window that connects a phone: a code to scan, a question, then chat and files.

python qt_host.py          # for this computer
python qt_host.py --lan    # for phones in your network
"""

import sys
from contextlib import suppress
from html import escape
from pathlib import Path
from queue import SimpleQueue
from threading import Thread

from PySide6 import QtCore, QtGui, QtWidgets

import proxim

FOLDER = Path.home() / "Downloads"


class Window(QtWidgets.QWidget):
    """Shows a code until a phone is connected, and then what the phone sends."""

    called = QtCore.Signal(object)  # With a function for the window's thread.

    def __init__(self):
        super().__init__(windowTitle="Connect a phone")
        self.called.connect(self.call)
        self.news = SimpleQueue()  # Lines for the log. Other threads must not touch the window.
        self.status = QtWidgets.QLabel(textFormat=QtCore.Qt.TextFormat.PlainText)
        self.status.setStyleSheet("font-size: 18pt; margin: 8px")
        self.picture = QtWidgets.QLabel(alignment=QtCore.Qt.AlignmentFlag.AlignCenter)
        self.link = QtWidgets.QLineEdit(readOnly=True)
        copy = QtWidgets.QPushButton("Copy the link", clicked=self.copy)
        self.code = row(self.link, copy)
        self.entry = QtWidgets.QLineEdit(returnPressed=self.send)
        send = QtWidgets.QPushButton("Send", clicked=self.send)
        end = QtWidgets.QPushButton("Disconnect", clicked=lambda: self.session.close())
        self.chat = row(self.entry, send, end)
        self.log = QtWidgets.QPlainTextEdit(readOnly=True)
        layout = QtWidgets.QVBoxLayout(self)
        for widget in (self.status, self.picture, self.code, self.chat, self.log):
            layout.addWidget(widget)

    def call(self, function):
        """Call a function."""
        function()

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
        if self.session.over is not None:
            self.open_session(node)
        session = self.session
        is_connected = session.status == "approved"
        self.picture.setVisible(not is_connected)
        self.code.setVisible(not is_connected)
        self.chat.setVisible(is_connected)
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
        while not self.news.empty():
            self.log.appendPlainText(self.news.get())

    def copy(self):
        """Copy the link, for a phone that cannot scan it."""
        QtWidgets.QApplication.clipboard().setText(self.link.text())

    def send(self):
        """Send what the person has typed."""
        if text := self.entry.text():
            self.entry.clear()
            self.news.put(f"You: {text}")
            self.in_background(self.way.send, text)

    def hear(self, text):
        """Show what the phone says."""
        self.news.put(f"Phone: {text}")

    def ask(self, prompt):
        """Return the number that the phone shows, or False to decline."""
        dialog = QtWidgets.QInputDialog(self, windowTitle="A device asks to connect")
        name = escape(prompt.device_info.name)
        dialog.setLabelText(f"<b>{name}</b> asks to connect.<br>Type the number that it shows:")
        watch = QtCore.QTimer(dialog, interval=200)  # Close it once there is nothing to decide.
        watch.timeout.connect(lambda: prompt.is_over and dialog.reject())
        watch.start()
        number = dialog.textValue().strip() if dialog.exec() else False
        dialog.deleteLater()
        return number

    def ask_file(self, offer):
        """Return whether the person takes a file."""
        text = f"Take <b>{escape(offer.name)}</b>, {offer.size / 1e6:.1f} MB?"
        answer = QtWidgets.QMessageBox.question(self, "A file", text)
        return answer == QtWidgets.QMessageBox.StandardButton.Yes

    def show_file(self, offer):
        """Say what has become of a file."""
        self.news.put(f"Received {offer.path}" if offer.path else f"{offer.name}: {offer.error}")


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
