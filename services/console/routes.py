"""Every page there is and who may open it; what does not stand here cannot be reached."""

from __future__ import annotations

from riskloom.ledger.schema import Role
from services.console.guard import Grant
from services.console.pages import (
    audit,
    cases,
    decisions,
    drafts,
    entry,
    files,
    lists,
    models,
    overview,
    proposals,
    queue,
    rule_steps,
    rules,
    steps,
)

_EVERY_ROLE: frozenset[Role] = frozenset({"analyst", "lead", "engineer"})
_CASE_WORK: frozenset[Role] = frozenset({"analyst", "lead"})
_RULE_WORK = rules.RULE_WORK
_LEAD: frozenset[Role] = frozenset({"lead"})

GRANTS: tuple[Grant, ...] = (
    Grant("/login", "GET", entry.form, None),
    Grant("/login", "POST", entry.log_in, None),
    Grant("/static/{name}", "GET", files.static, None),
    Grant("/healthz", "GET", files.health, None),
    Grant("/logout", "POST", entry.log_out, _EVERY_ROLE),
    Grant("/theme", "POST", entry.choose_theme, _EVERY_ROLE),
    Grant("/", "GET", overview.show, _EVERY_ROLE),
    Grant("/find", "GET", decisions.find, _EVERY_ROLE),
    Grant("/decisions", "GET", decisions.index, _EVERY_ROLE),
    Grant("/decisions/{decision_id}", "GET", decisions.show, _EVERY_ROLE),
    Grant("/models", "GET", models.index, _EVERY_ROLE),
    Grant("/models/{domain}/{version}", "GET", models.show, _EVERY_ROLE),
    Grant("/models/{domain}/{version}/plots/{name}", "GET", models.plot, _EVERY_ROLE),
    Grant("/rules", "GET", rules.index, _EVERY_ROLE),
    Grant("/models/{domain}/rollback", "POST", models.roll_back, _RULE_WORK),
    Grant("/models/{domain}/canary/take-back", "POST", models.take_canary_back, _RULE_WORK),
    Grant("/rules/{domain}", "POST", rule_steps.keep_files, _RULE_WORK),
    Grant("/rules/{domain}/{rule_id}", "GET", rules.show, _EVERY_ROLE),
    Grant("/rules/{domain}/{rule_id}/trial", "GET", rule_steps.trial, _EVERY_ROLE),
    Grant("/rules/{domain}/{rule_id}/backtest", "POST", rule_steps.backtest, _RULE_WORK),
    Grant("/rules/{domain}/{rule_id}/move", "POST", rule_steps.move, _RULE_WORK),
    Grant("/rules/{domain}/{rule_id}/rollback", "POST", rule_steps.rollback, _RULE_WORK),
    Grant("/drafts/{domain}", "GET", drafts.edit, _RULE_WORK),
    Grant("/drafts/{domain}", "POST", drafts.save, _RULE_WORK),
    Grant("/drafts/{domain}/check", "POST", drafts.check, _RULE_WORK),
    Grant("/proposals", "GET", proposals.index, _EVERY_ROLE),
    Grant("/proposals/{domain}/{approval_id}/approve", "POST", proposals.approve, _RULE_WORK),
    Grant("/proposals/{domain}/{approval_id}/reject", "POST", proposals.reject, _RULE_WORK),
    Grant("/lists/{domain}/{name}", "GET", lists.show, _EVERY_ROLE),
    Grant("/lists/{domain}/{name}/open", "POST", lists.open_, _RULE_WORK),
    Grant("/lists/{domain}/{name}/add", "POST", lists.add, _RULE_WORK),
    Grant("/lists/{domain}/{name}/expire", "POST", lists.expire, _RULE_WORK),
    Grant("/lists/{domain}/{name}/remove", "POST", lists.remove, _RULE_WORK),
    Grant("/queue", "GET", queue.show, _CASE_WORK),
    Grant("/cases/{case_id}", "GET", cases.show, _CASE_WORK),
    Grant("/cases/{case_id}/claim", "POST", steps.claim, _CASE_WORK),
    Grant("/cases/{case_id}/take-over", "POST", steps.take_over, _LEAD),
    Grant("/cases/{case_id}/release", "POST", steps.release, _CASE_WORK),
    Grant("/cases/{case_id}/snooze", "POST", steps.snooze, _CASE_WORK),
    Grant("/cases/{case_id}/escalate", "POST", steps.escalate, _CASE_WORK),
    Grant("/cases/{case_id}/note", "POST", steps.note, _CASE_WORK),
    Grant("/cases/{case_id}/link", "POST", steps.link, _CASE_WORK),
    Grant("/cases/{case_id}/merge", "POST", steps.merge, _CASE_WORK),
    Grant("/cases/{case_id}/verdict", "POST", steps.decide, _CASE_WORK),
    Grant("/cases/{case_id}/withdraw", "POST", steps.withdraw, _LEAD),
    Grant("/audit", "GET", audit.show, _LEAD),
)
