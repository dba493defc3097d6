"""The living part: a task per session, who watches over them, and who finds the right one."""
