"""The notices of a session, of which a hostile node may tell many."""

from proxim.client.notices import MAX_NOTICES, Notice, NoticeLog


def test_notice_that_is_repeated_is_kept_some_times_and_silences_no_other():
    log = NoticeLog()
    for _ in range(10 * MAX_NOTICES):
        log.add(Notice.CONTESTED)
    log.add_at(Notice.MISSED, 0.0)
    assert [*log].count(Notice.CONTESTED) == MAX_NOTICES
    assert log[len(log) - 1] is Notice.MISSED
