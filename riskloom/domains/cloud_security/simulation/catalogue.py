"""The APIs of the made-up organisation by what they do, and how much each peer group uses them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

#: What an API does; the classes decide who uses it, what it may cost, and whether it has a resource.
CLASSES = ("list", "read", "data", "write", "identity", "logging", "share", "compute", "session")
LIST, READ, DATA, WRITE, IDENTITY, LOGGING, SHARE, COMPUTE, SESSION = range(len(CLASSES))

_BY_CLASS: dict[int, dict[str, str]] = {
    LIST: {
        "ec2": "DescribeInstances DescribeSecurityGroups DescribeVolumes DescribeSnapshots DescribeImages DescribeVpcs",
        "s3": "ListBuckets ListObjects",
        "iam": "ListUsers ListRoles ListPolicies ListAccessKeys ListAttachedUserPolicies "
        "GetAccountAuthorizationDetails",
        "lambda": "ListFunctions20150331",
        "rds": "DescribeDBInstances DescribeDBSnapshots",
        "secretsmanager": "ListSecrets",
        "ssm": "DescribeParameters DescribeInstanceInformation",
        "kms": "ListKeys ListAliases",
        "cloudtrail": "DescribeTrails LookupEvents",
        "guardduty": "ListDetectors ListFindings",
        "organizations": "ListAccounts",
        "dynamodb": "ListTables",
        "logs": "DescribeLogGroups",
        "ecr": "DescribeRepositories",
        "servicequotas": "ListServiceQuotas",
    },
    READ: {
        "cloudwatch": "GetMetricData",
        "logs": "FilterLogEvents GetLogEvents",
        "iam": "GetRole GetUser GetPolicy",
        "s3": "GetBucketAcl GetBucketPolicy HeadObject",
        "lambda": "GetFunction20150331v2",
        "ec2": "DescribeInstanceAttribute GetConsoleOutput",
        "cloudformation": "DescribeStacks",
        "ecr": "BatchGetImage",
        "sqs": "ReceiveMessage",
    },
    DATA: {
        "s3": "GetObject",
        "kms": "Decrypt",
        "secretsmanager": "GetSecretValue",
        "ssm": "GetParameter GetParameters",
        "dynamodb": "GetItem Query Scan",
        "athena": "GetQueryResults",
    },
    WRITE: {
        "s3": "PutObject DeleteObject",
        "dynamodb": "PutItem",
        "lambda": "UpdateFunctionCode20150331v2 UpdateFunctionConfiguration20150331v2",
        "cloudformation": "CreateStack UpdateStack",
        "ecs": "UpdateService RegisterTaskDefinition",
        "ecr": "PutImage",
        "ssm": "PutParameter SendCommand StartSession",
        "secretsmanager": "PutSecretValue",
        "ec2": "CreateTags CreateSnapshot CopySnapshot AuthorizeSecurityGroupIngress",
        "rds": "CreateDBSnapshot",
        "sns": "Publish",
        "athena": "StartQueryExecution",
        "kms": "GenerateDataKey",
    },
    IDENTITY: {
        "iam": "CreateAccessKey CreateUser CreateLoginProfile AttachUserPolicy AttachRolePolicy PutUserPolicy "
        "CreatePolicyVersion UpdateAssumeRolePolicy CreateRole PassRole UpdateLoginProfile AddUserToGroup",
    },
    LOGGING: {
        "cloudtrail": "StopLogging DeleteTrail PutEventSelectors UpdateTrail",
        "ec2": "DeleteFlowLogs",
        "logs": "DeleteLogGroup PutRetentionPolicy",
        "guardduty": "UpdateDetector CreateIPSet",
        "config": "StopConfigurationRecorder",
    },
    SHARE: {
        "ec2": "ModifySnapshotAttribute ModifyImageAttribute",
        "rds": "ModifyDBSnapshotAttribute",
        "s3": "PutBucketPolicy PutBucketAcl",
        "lambda": "AddPermission20150331v2",
    },
    COMPUTE: {"ec2": "RunInstances StartInstances StopInstances TerminateInstances RequestSpotInstances"},
    SESSION: {"sts": "AssumeRole GetCallerIdentity GetSessionToken", "signin": "ConsoleLogin"},
}

_TABLE = [
    (f"{service}.amazonaws.com", name, kind)
    for kind, services in _BY_CLASS.items()
    for service, names in services.items()
    for name in names.split()
]
SERVICES = tuple(service for service, _, _ in _TABLE)
OPERATIONS = tuple(name for _, name, _ in _TABLE)
KIND = np.array([kind for _, _, kind in _TABLE], dtype=np.int64)
IS_READ_ONLY = np.isin(KIND, (LIST, READ, DATA, SESSION))
IS_DATA_READ = KIND == DATA
HAS_BYTES = np.array([name == "GetObject" for name in OPERATIONS])
CONSOLE_LOGIN = OPERATIONS.index("ConsoleLogin")
#: What a hostile call of a class costs, against the worth of its account.
COST = np.array([0.2, 0.3, 1.0, 0.8, 1.2, 1.0, 1.5, 0.9, 0.2])

GROUPS = (
    "engineer",
    "data-scientist",
    "reliability",
    "security",
    "support",
    "deployer",
    "web-service",
    "batch-job",
    "backup",
)
PEOPLE = 5  # the first so many groups are of people
DEPLOYER = GROUPS.index("deployer")
RELIABILITY, SECURITY = GROUPS.index("reliability"), GROUPS.index("security")
GROUP_SHARES = np.array([0.34, 0.13, 0.10, 0.06, 0.11, 0.06, 0.11, 0.06, 0.03])
GROUP_RATES = np.array([1.0, 1.2, 1.3, 1.1, 0.6, 2.5, 3.5, 3.0, 1.5])  # calls of a member, relatively

_USE = np.array(  # by group, of the classes in their order
    [
        [22, 24, 16, 16, 1.6, 0.30, 0.5, 3.0, 12],
        [14, 10, 46, 14, 0.3, 0.10, 0.4, 2.0, 10],
        [26, 28, 10, 14, 2.2, 1.00, 0.7, 6.0, 10],
        [38, 26, 6, 4, 2.6, 2.20, 0.6, 0.6, 12],
        [30, 34, 10, 5, 0.6, 0.05, 0.2, 0.3, 14],
        [14, 14, 14, 34, 4.0, 0.60, 1.0, 6.0, 10],
        [1, 8, 60, 24, 0.0, 0.00, 0.0, 0.0, 3],
        [6, 6, 52, 26, 0.0, 0.00, 0.1, 1.5, 5],
        [20, 8, 26, 32, 0.0, 0.00, 1.6, 0.5, 4],
    ]
)


def _within_class() -> Floats:
    """How popular each API is within its class: the first of a service a few times the others."""
    popularity = 1.0 / (1.0 + np.array([_rank(row) for row in range(len(_TABLE))]))
    shares: Floats = popularity / np.array([popularity[kind == KIND].sum() for kind in KIND])
    return shares


def _rank(row: int) -> int:
    return sum(1 for other in range(row) if _TABLE[other][0] == _TABLE[row][0] and _TABLE[other][2] == _TABLE[row][2])


_POPULARITY = _within_class()


def by_class(shares: Floats) -> Floats:
    """Chances of each API where the classes have these shares; the console's own event is drawn by nobody."""
    chances: Floats = shares[..., KIND] * _POPULARITY
    chances[..., CONSOLE_LOGIN] = 0.0
    chances /= chances.sum(axis=-1, keepdims=True)
    return chances


def by_name(weights: dict[str, float]) -> Floats:
    """Chances of each API from weights of some, by name; a class in brackets spreads its weight over its APIs."""
    chances = np.zeros(len(OPERATIONS))
    for name, weight in weights.items():
        if name.startswith("["):
            chances += weight * _POPULARITY * (CLASSES.index(name.strip("[]")) == KIND)
        else:
            chances[OPERATIONS.index(name)] += weight
    chances[CONSOLE_LOGIN] = 0.0
    chances /= chances.sum()
    return chances


#: (group, API): what members of a group do.
GROUP_USE = by_class(_USE)
