"""Links to a page of an application, which do not say which node they are from."""

import shlex

import pytest

PAGE = "https://app.example/pair"
NOWHERE = "http://127.0.0.1:1"


@pytest.mark.parametrize("command", [["join"], ["receive"], ["send", __file__, "--to"]])
@pytest.mark.parametrize("last", ["t" * 43, "t" * 43 + "." + "k" * 43], ids=["plain", "sealed"])
def test_node_of_a_link_is_said_once(run, command, last):
    """``--node`` says it for a link to an application's page, and for no other link."""
    link = "#" + "s" * 22 + "." + last
    _, err, code = run(*command, PAGE + link)
    assert (code, "name the node with --node URL" in " ".join(err.split())) == (2, True)
    _, err, code = run(*command, f"{NOWHERE}/join{link}", "--node", "http://127.0.0.1:2")
    assert (code, "--node says http://127.0.0.1:2: leave" in " ".join(err.split())) == (2, True)


@pytest.mark.parametrize("command", [["join"], ["receive"], ["send", __file__, "--to"]])
def test_node_of_the_command_line_or_the_environment_is_used(run, command):
    link = "#" + "s" * 22 + "." + "t" * 43
    out, _, code = run(*command, PAGE + link, "--node", NOWHERE)
    assert (code, f"{NOWHERE} cannot be reached" in out) == (3, True)
    out, _, code = run(*command, PAGE + link, PROXIM_NODE=NOWHERE)
    assert (code, f"{NOWHERE} cannot be reached" in out) == (3, True)
    # The same node in another spelling, and a default for other commands: no contradiction.
    link = f"{NOWHERE}/join{link}"
    for options, environ in ((["--node", f"{NOWHERE}/"], {}), ([], {"PROXIM_NODE": "http://a"})):
        out, _, code = run(*command, link, *options, **environ)
        assert (code, f"{NOWHERE} cannot be reached" in out) == (3, True)


def test_link_to_a_page_of_its_own_is_answered_with_the_printed_command(start, serve, photo):
    url = serve("--join-url", PAGE)
    giver = start("send", "--yes", str(photo), "--node", url)
    lines = [giver.line()]
    while not lines[-1].lstrip().startswith("proxim receive "):
        lines.append(giver.line())
    assert any(line.startswith(f"  {PAGE}#") for line in lines)
    _, *command = shlex.split(lines[-1])
    assert command[2:] == ["--node", url]
    taker = start(*command, "--yes")
    assert (giver.exit(), taker.exit()) == (0, 0)
