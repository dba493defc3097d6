from msgspec import Raw

from proxim.session.backlog import Backlog


def test_signals_are_drained_once_and_in_order():
    backlog = Backlog(3, 100)
    assert [backlog.keep(Raw(b"%d" % number)) for number in (1, 2, 3)] == [True] * 3
    assert len(backlog) == 3
    assert backlog.take_all() == [Raw(b"1"), Raw(b"2"), Raw(b"3")]
    assert (len(backlog), backlog.take_all()) == (0, [])


def test_refused_signal_takes_no_room_in_the_backlog():
    backlog = Backlog(2, 10)
    assert backlog.keep(Raw(b"1" * 6))
    assert not backlog.keep(Raw(b"1" * 5))
    assert backlog.keep(Raw(b"1" * 4))
    assert not backlog.keep(Raw(b""))
    assert [len(bytes(signal)) for signal in backlog.take_all()] == [6, 4]


def test_draining_frees_the_room():
    backlog = Backlog(1, 4)
    for _ in range(3):
        assert backlog.keep(Raw(b"1234"))
        assert not backlog.keep(Raw(b""))
        backlog.take_all()


def test_kept_signal_frees_its_frame():
    frame = bytearray(b"[1]")
    backlog = Backlog(1, 4)
    backlog.keep(Raw(memoryview(frame)))
    frame[1:2] = b"2"
    assert backlog.take_all() == [Raw(b"[1]")]
