"""What clients of sealed sessions do wrong, and the case that finds it."""

from proxim.conform.case import Role

WRONG_SIDE = [
    ("takes plain", "seal-signal-plain", "right is"),
    ("silent", "seal-signal-plain", '"notice": "tampered"'),
    ("loud", "seal-signal-plain", "the client told"),
    ("sends plain", "seal-signal-out", "does not open"),
    ("small", "seal-signal-large", "did not tell"),
    ("strict keys", "seal-unknown-key", "did not tell"),
    ("any version", "seal-signal-malformed", "right is"),
    ("counts all", "seal-signal-changed", "did not tell"),
    ("any number", "seal-signal-twice", "right is"),
    ("any number", "seal-signal-out-of-order", "right is"),
    ("all is tampered", "seal-signal-of-another-epoch", "the client told"),
    ("one key", "seal-signal-reflected", "right is"),
    ("any text", "seal-signal-not-json", "did not tell"),
    ("answers all", "seal-hello-forged", "which is wrong here"),
    ("answers all", "seal-hello-reflected", "which is wrong here"),
    ("hasty", "seal-hello-replayed", "before the new epoch"),
    ("one hello", "seal-hello-lost", "did not send"),
    ("hello to nobody", "seal-hello-to-nobody", "which is wrong here"),
    ("hasty", "seal-peer-reloaded", "which is wrong here"),
    ("no hello", "seal-comes-back", "did not send"),
    ("any session", "seal-stripped", "did not send"),
    ("no reload", "seal-reload", "right is"),
    ("no reload", "seal-reload-during-prompt", "before the new epoch"),
]
"""What a wrong guest or host does, the case that finds it, and a part of what that says."""

WRONG_GUEST = [
    ("any link", "seal-link-cut", "did not tell"),
    ("names", "seal-asks", "the name goes into the seal"),
    ("any node", "seal-needs-feature", "did not tell"),
    ("asks anew", "seal-asks-again", "another `pair_request`"),
    ("code of the node", "seal-code", "the client told"),
    ("any ack", "seal-ack-forged", "the client told"),
    ("last ack", "seal-ack-again", "the client told"),
    ("believes yes", "seal-yes-stripped", '"reason": "tampered"'),
    ("believes yes", "seal-yes-forged", '"reason": "tampered"'),
    ("any kind", "seal-yes-of-the-ack", '"reason": "tampered"'),
    ("any answer", "seal-yes-for-no", '"reason": "tampered"'),
    ("any name", "seal-name-forbidden", '"reason": "tampered"'),
    ("strict keys", "seal-answer-unknown-key", '"told": "approved"'),
    ("doubts", "seal-no", "unconfirmed"),
    ("believes no", "seal-no-stripped", "right is"),
    ("believes no", "seal-no-forged", "right is"),
    ("no clock", "seal-left", '"reason": "expired"'),
    ("no seals of resumed", "seal-resumes-during-prompt", '"told": "code"'),
    ("no seals of resumed", "seal-approved-while-away", "right is `signal`"),
    ("believes yes", "seal-approved-while-away-stripped", '"reason": "tampered"'),
]

WRONG_HOST = [
    ("unsealed", "seal-opens", "`create_session.seal` is missing"),
    ("any node", "seal-needs-feature", "did not tell"),
    ("no ack", "seal-prompt", "did not send `pair_ack`"),
    ("decides alone", "seal-prompt", "which is wrong here"),
    ("unsealed decision", "seal-approves", "does not open"),
    ("unsealed decision", "seal-declines", "does not open"),
    ("any code", "seal-wrong-code", "approve"),
    ("any code", "seal-no-code", "which is wrong here"),
    ("acks anew", "seal-prompt-again", "another one than before"),
    ("decides once", "seal-decision-again", "the client"),
    ("asks about all", "seal-prompt-stripped", "did not send `pair_decision`"),
    ("asks about all", "seal-prompt-forged", "did not send `pair_decision`"),
    ("asks about all", "seal-prompt-by-the-node", "did not send `pair_decision`"),
    ("asks about all", "seal-prompt-of-another-session", "did not send `pair_decision`"),
    ("one is enough", "seal-second-request", '"reason": "tampered"'),
    ("one is enough", "seal-request-after-approval", '"reason": "tampered"'),
    ("believes yes", "seal-yes-forged", '"reason": "tampered"'),
    ("believes yes", "seal-registered-forged", '"reason": "tampered"'),
    ("one seed", "seal-renews", "a secret of the one before"),
    ("old links", "seal-old-link", "right is `pair_decision`"),
]

WRONG_SEALED = {Role.GUEST: WRONG_SIDE + WRONG_GUEST, Role.HOST: WRONG_SIDE + WRONG_HOST}

AS_IN_A_PLAIN_SESSION = {
    "seal-signal-in",
    "seal-signal-many",
    "seal-comes-back-twice",
    "seal-sends-after-coming-back",
}
"""Scripts of plain sessions, which have wrong clients of their own."""
