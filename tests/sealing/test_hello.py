"""The hello machine, and what it promises whatever a node loses, repeats or reorders."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxim.sealing.encoding import NO_KEY, DoesNotOpen
from proxim.sealing.hello import Hello, HelloMachine, Step, hello_bytes, read_hello
from proxim.sealing.keys import KeyPair
from tests.sealing.schedule import SIDES, World, schedules

A, B, C = (letter.encode() * 32 for letter in "abc")


def machine(*keys):
    keys = iter(keys)
    return HelloMachine(lambda: KeyPair(b"", next(keys)))


def test_side_that_came_back_begins_and_both_adopt_the_same_epoch():
    back, other = machine(A), machine(B)
    started = back.start()
    assert started == Hello(A, NO_KEY)
    answered = other.receive(started, 0)
    assert answered == Step(send=Hello(B, A))
    echoed = back.receive(answered.send, 0)
    assert echoed == Step((KeyPair(b"", A), B), Hello(A, B))
    assert other.receive(echoed.send, 0) == Step((KeyPair(b"", B), A))
    assert (back.adopted, other.adopted) == ((A, B), (B, A))
    assert (back.out, other.out) == (None, None)


def test_two_sides_that_begin_at_once_need_two_hellos_each():
    one, two = machine(A), machine(B)
    from_one, from_two = one.start(), two.start()
    from_one, from_two = one.receive(from_two, 0).send, two.receive(from_one, 0).send
    assert one.receive(from_two, 0) == Step((KeyPair(b"", A), B))
    assert two.receive(from_one, 0) == Step((KeyPair(b"", B), A))


def test_hello_that_led_to_the_epoch_is_ignored_when_it_comes_again():
    back, other = machine(A), machine(B)
    echoed = back.receive(other.receive(back.start(), 0).send, 0)
    other.receive(echoed.send, 0)
    assert other.receive(echoed.send, 0) == Step()
    assert back.receive(Hello(B, A), 0) == Step()


def test_replayed_first_hello_begins_a_new_epoch_and_not_the_old_one_again():
    back, other = machine(A, C), machine(B, b"d" * 32)
    started = back.start()
    echoed = back.receive(other.receive(started, 0).send, 0)
    other.receive(echoed.send, 0)
    replayed = other.receive(started, 0)
    assert replayed == Step(send=Hello(b"d" * 32, A))
    assert other.adopted == (B, A)


def test_echo_of_a_key_that_is_not_outstanding_begins_no_epoch():
    side = machine(A, B)
    side.start()
    side.start()
    assert side.receive(Hello(C, A), 0) == Step(send=Hello(B, C))
    assert side.adopted is None
    assert side.receive(Hello(C, B), 0) == Step((KeyPair(b"", B), C))
    assert side.out is None


def test_five_hellos_are_answered_in_a_second():
    side = machine(A)
    hellos = [Hello(bytes([index]) * 32, NO_KEY) for index in range(1, 9)]
    assert [side.receive(each, 0.1).send is not None for each in hellos] == [True] * 5 + [False] * 3
    assert side.receive(hellos[0], 1.0) == Step()
    assert side.receive(hellos[0], 1.1).send == Hello(A, hellos[0].key)


@given(st.binary(max_size=70) | st.binary(min_size=64, max_size=64))
def test_hello_has_two_keys(text):
    if len(text) == 64:
        assert hello_bytes(read_hello(text)) == text
    else:
        with pytest.raises(DoesNotOpen):
            read_hello(text)


class BareWorld(World):
    """The machines alone, which are quick: keys are numbers, and hellos are not sealed."""

    def __init__(self):
        super().__init__(Bare("g", itertools.count(1)), Bare("h", itertools.count(1)))


class Bare:
    """A machine in the place of a peer."""

    def __init__(self, role, numbers):
        self.role = role
        self.numbers = numbers
        self.adoptions = []
        self.machine = HelloMachine(self.new_pair)
        self.epoch = None
        self.sent = 0

    def new_pair(self):
        return KeyPair(b"", self.role.encode() + next(self.numbers).to_bytes(31, "big"))

    def reloaded(self):
        again = Bare(self.role, self.numbers)
        again.adoptions = self.adoptions
        return again

    def start(self):
        return self.machine.start()

    def is_ready(self):
        return self.epoch is not None and self.machine.out is None

    def seal(self, data):
        self.sent += 1
        return {"e": self.epoch, "n": self.sent, "data": data}

    def receive(self, data, now):
        if isinstance(data, dict):
            is_new = data["e"] == self.epoch and data["n"] > self.heard
            if is_new:
                self.heard = data["n"]
            return ((data["data"], 0) if is_new else None), None, None
        step = self.machine.receive(data, now)
        if step.adopt:
            own, peer_key = step.adopt
            assert own.public not in self.adoptions, "an own key was adopted twice"
            assert peer_key[:1] not in (self.role.encode(), NO_KEY[:1])
            self.adoptions.append(own.public)
            self.epoch = tuple(sorted((own.public, peer_key)))
            self.sent = self.heard = 0
        return None, None, step.send


@given(schedules, st.sampled_from(SIDES))
@settings(max_examples=400)
def test_machines_converge_and_adopt_no_own_key_twice(schedule, last):
    world = BareWorld()
    world.run(schedule)
    world.reconnect(last, 0)
    world.settle()
    epochs = {side.peer.epoch for side in world.sides.values()}
    assert len(epochs) == 1
    world.check()
