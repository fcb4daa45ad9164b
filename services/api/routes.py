"""Every operation there is, what it needs, takes and gives; what does not stand here cannot be asked for."""

from __future__ import annotations

from services.api.operations import AnyOperation, Command, PostedQuestion, Question
from services.api.resources import audit, cases, decisions, labels, lists, models, proposals, rules
from services.api.shown import Empty, Nothing, PageFilter

_DOMAIN = "/domains/{domain}"
_CASE = f"{_DOMAIN}/cases/{{case_id}}"
_RULE = f"{_DOMAIN}/rules/{{rule_id}}"
_VERSION = f"{_RULE}/versions/{{version}}"
_PROPOSAL = f"{_DOMAIN}/proposals/{{proposal_id}}"
_MEMBERS = f"{_DOMAIN}/lists/{{list_name}}/members"

_DECISIONS: tuple[AnyOperation, ...] = (
    Question(
        path=f"{_DOMAIN}/decisions", name="list_decisions", summary="Decisions, newest first",
        right="decisions:read", takes=decisions.DecisionFilter, gives=decisions.Decisions, run=decisions.index,
    ),
    Question(
        path=f"{_DOMAIN}/decisions/{{decision_id}}", name="get_decision", summary="A decision whole",
        right="decisions:read", takes=Nothing, gives=decisions.DecisionRecord, run=decisions.show,
    ),
)  # fmt: skip

_CASES: tuple[AnyOperation, ...] = (
    Question(
        path=f"{_DOMAIN}/cases", name="list_cases", summary="The queue: open cases by expected loss or deadline",
        right="cases:read", takes=cases.QueueFilter, gives=cases.Cases, run=cases.index,
    ),
    Question(
        path=_CASE, name="get_case", summary="A case with its alerts, notes and links",
        right="cases:read", takes=Nothing, gives=cases.CaseRecord, run=cases.show, has_version=True,
    ),
    Question(
        path=f"{_CASE}/timeline", name="get_case_timeline", summary="What happened to a case, from the beginning",
        right="cases:read", takes=PageFilter, gives=cases.Timeline, run=cases.timeline,
    ),
    Command(
        path=f"{_CASE}/claim", name="claim_case", summary="Take a case", right="cases:write",
        takes=Empty, gives=cases.CaseRow, run=cases.claim, has_version=True, needs_version=True, refusals=("taken",),
    ),
    Command(
        path=f"{_CASE}/take-over", name="take_over_case", summary="Take a case from who has it",
        right="cases:take_over", takes=cases.Why, gives=cases.CaseRow, run=cases.take_over,
        has_version=True, needs_version=True,
    ),
    Command(
        path=f"{_CASE}/release", name="release_case", summary="Give a case back to the queue", right="cases:write",
        takes=Empty, gives=cases.CaseRow, run=cases.release, has_version=True, needs_version=True, refusals=("taken",),
    ),
    Command(
        path=f"{_CASE}/snooze", name="snooze_case", summary="Put a case away until a time", right="cases:write",
        takes=cases.Snooze, gives=cases.CaseRow, run=cases.snooze,
        has_version=True, needs_version=True, refusals=("taken",),
    ),
    Command(
        path=f"{_CASE}/escalate", name="escalate_case", summary="Hand a case up", right="cases:write",
        takes=cases.Why, gives=cases.CaseRow, run=cases.escalate,
        has_version=True, needs_version=True, refusals=("taken",),
    ),
    Command(
        path=f"{_CASE}/notes", name="add_note", summary="Write about a case, whoever works on it",
        right="cases:write", takes=cases.NewNote, gives=cases.NoteRow, run=cases.note, has_version=True, makes=True,
    ),
    Command(
        path=f"{_CASE}/links", name="link_cases", summary="Say that another case belongs to this one",
        right="cases:write", takes=cases.NewLink, gives=cases.CaseRow, run=cases.link, has_version=True,
    ),
    Command(
        path=f"{_CASE}/merge", name="merge_cases", summary="Make another case part of this one", right="cases:write",
        takes=cases.Absorb, gives=cases.CaseRow, run=cases.merge,
        has_version=True, needs_version=True, refusals=("taken",),
    ),
    Command(
        path=f"{_CASE}/verdict", name="give_verdict", summary="Close a case with what turned out to be true",
        right="cases:write", takes=labels.NewVerdict, gives=labels.VerdictGiven, run=labels.decide,
        has_version=True, needs_version=True,
        refusals=("taken",),
    ),
)  # fmt: skip

_LABELS: tuple[AnyOperation, ...] = (
    Question(
        path=f"{_DOMAIN}/labels", name="list_labels", summary="Labels as they were known at a time, newest first",
        right="labels:read", takes=labels.LabelFilter, gives=labels.Labels, run=labels.index,
    ),
    Command(
        path=f"{_DOMAIN}/labels/{{label_id}}/withdraw", name="withdraw_label", summary="Take a label back",
        right="labels:write", takes=Empty, gives=labels.LabelRow, run=labels.withdraw, makes=True,
    ),
)  # fmt: skip

_RULES: tuple[AnyOperation, ...] = (
    Question(
        path=f"{_DOMAIN}/rules", name="list_rules", summary="Rules and scenarios, and where their versions are",
        right="rules:read", takes=Nothing, gives=rules.Rules, run=rules.index,
    ),
    PostedQuestion(
        path=f"{_DOMAIN}/rules/check", name="check_rule", summary="Read a text as a rule or scenario, and keep nothing",
        right="rules:write", takes=rules.RuleSource, gives=rules.Checked, run=rules.check,
    ),
    Command(
        path=f"{_DOMAIN}/rules", name="write_rule", summary="Keep a rule or scenario as a version, as a draft",
        right="rules:write", takes=rules.NewVersion, gives=rules.RuleText, run=rules.write, is_published=True,
        makes=True, may_be_known=True,
    ),
    Question(
        path=_RULE, name="get_rule", summary="A rule or scenario, and where its versions are",
        right="rules:read", takes=Nothing, gives=rules.RuleRow, run=rules.show, has_version=True,
    ),
    Question(
        path=f"{_RULE}/history", name="get_rule_history", summary="Every step of a rule or scenario, with who and why",
        right="rules:read", takes=Nothing, gives=rules.StageChanges, run=rules.history,
    ),
    Question(
        path=_VERSION, name="get_rule_version", summary="The text of a version",
        right="rules:read", takes=Nothing, gives=rules.RuleText, run=rules.text,
    ),
    Question(
        path=f"{_VERSION}/backtests", name="list_backtests", summary="The back-tests of a version",
        right="rules:read", takes=Nothing, gives=rules.Backtests, run=rules.backtests,
    ),
    Question(
        path=f"{_DOMAIN}/shadow-results", name="list_shadow_results", summary="What versions in shadow would have done",
        right="rules:read", takes=Nothing, gives=rules.ShadowRows, run=rules.shadow,
    ),
    Command(
        path=f"{_RULE}/move", name="move_rule", summary="Move a version to where it reaches no more subjects",
        right="rules:write", takes=rules.Move, gives=rules.RuleRow, run=rules.move,
        has_version=True, needs_version=True, is_published=True, refusals=("approval_needed",),
    ),
    Command(
        path=f"{_RULE}/rollback", name="roll_back_rule", summary="Take back the last step of a rule or scenario",
        right="rules:write", takes=cases.Why, gives=rules.RuleRow, run=rules.rollback,
        has_version=True, needs_version=True, is_published=True,
    ),
    Question(
        path=f"{_DOMAIN}/proposals", name="list_proposals", summary="What waits for a second person",
        right="rules:read", takes=Nothing, gives=proposals.Proposals, run=proposals.index,
    ),
    Command(
        path=f"{_DOMAIN}/proposals", name="propose_step", summary="Ask that a version reach more subjects",
        right="rules:write", takes=proposals.NewProposal, gives=proposals.ProposalRow, run=proposals.propose,
        needs_version=True, makes=True, may_be_known=True, refusals=("not_found",),
    ),
    Command(
        path=f"{_PROPOSAL}/approve", name="approve_proposal", summary="Agree as a second person: the version moves",
        right="rules:approve", takes=cases.Why, gives=rules.RuleRow, run=proposals.approve,
        has_version=True, is_published=True,
    ),
    Command(
        path=f"{_PROPOSAL}/reject", name="reject_proposal", summary="Refuse a proposal",
        right="rules:approve", takes=cases.Why, gives=proposals.ProposalRow, run=proposals.reject,
    ),
)  # fmt: skip

_LISTS: tuple[AnyOperation, ...] = (
    Question(
        path=f"{_DOMAIN}/lists", name="list_lists", summary="The lists that somebody has opened",
        right="lists:read", takes=Nothing, gives=lists.Lists, run=lists.index,
    ),
    Command(
        path=f"{_DOMAIN}/lists", name="open_list", summary="Begin to keep a list that the domain declares",
        right="lists:write", takes=lists.NewList, gives=lists.ListRow, run=lists.open_, is_published=True, makes=True,
    ),
    Question(
        path=_MEMBERS, name="list_members", summary="Who is on a list now",
        right="lists:read", takes=PageFilter, gives=lists.Members, run=lists.members,
    ),
    Command(
        path=_MEMBERS, name="add_member", summary="Put a value on a list",
        right="lists:write", takes=lists.NewMember, gives=lists.MemberRow, run=lists.add, is_published=True, makes=True,
    ),
    Command(
        path=f"{_MEMBERS}/expire", name="expire_member", summary="Say anew when a member's time is over",
        right="lists:write", takes=lists.Expiry, gives=lists.MemberRow, run=lists.expire, is_published=True,
    ),
    Command(
        path=f"{_MEMBERS}/remove", name="remove_member", summary="Take a member off a list, from now on",
        right="lists:write", takes=lists.Removal, gives=lists.MemberRow, run=lists.remove, is_published=True,
    ),
)  # fmt: skip

_OTHERS: tuple[AnyOperation, ...] = (
    Question(
        path=f"{_DOMAIN}/models", name="get_models", summary="Champion, challenger, versions and history",
        right="models:read", takes=Nothing, gives=models.Models, run=models.index, has_version=True,
    ),
    Command(
        path=f"{_DOMAIN}/models/rollback", name="roll_back_champion", summary="Return to the champion before this one",
        right="models:write", takes=cases.Why, gives=models.Models, run=models.roll_back,
        has_version=True, needs_version=True,
    ),
    Command(
        path=f"{_DOMAIN}/models/canary/end", name="end_canary", summary="Give every subject back to the champion",
        right="models:write", takes=cases.Why, gives=models.Models, run=models.end_canary,
        has_version=True, needs_version=True,
    ),
    Question(
        path=f"{_DOMAIN}/models/{{version}}", name="get_model_version", summary="A version with the gate's verdict",
        right="models:read", takes=Nothing, gives=models.ModelVersion, run=models.show,
    ),
    Question(
        path=f"{_DOMAIN}/models/{{version}}/shadow", name="get_shadow_agreement",
        summary="How far a version in shadow agrees with what decided",
        right="models:read", takes=Nothing, gives=models.ShadowAgreement, run=models.shadow,
    ),
    Question(
        path="/audit-events", name="list_audit_events", summary="Who did what in every domain, newest first",
        right="audit:read", takes=audit.AuditFilter, gives=audit.AuditRows, run=audit.index,
    ),
)  # fmt: skip

OPERATIONS = (*_DECISIONS, *_CASES, *_LABELS, *_RULES, *_LISTS, *_OTHERS)
