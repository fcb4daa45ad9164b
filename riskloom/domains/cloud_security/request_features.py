"""
What can be said of a call only when it is made: its kind, and how new and how much it is against history.

Surprise is the negative logarithm, base two, of a smoothed probability (Shannon, 1948): the bits it takes to say so.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from riskloom.features.formulas import hour_of_day, is_weekend, ratio

Floats = NDArray[np.float64]

_DAYS, _HOURS = 30.0, 30.0 * 24
_USUAL_OPERATIONS = 100.0  # how many APIs a principal could well call, for smoothing

_IDENTITY = frozenset(
    (
        "AddRoleToInstanceProfile",
        "AddUserToGroup",
        "AttachGroupPolicy",
        "AttachRolePolicy",
        "AttachUserPolicy",
        "ChangePassword",
        "CreateAccessKey",
        "CreateInstanceProfile",
        "CreateLoginProfile",
        "CreatePolicy",
        "CreatePolicyVersion",
        "CreateProfile",
        "CreateRole",
        "CreateTrustAnchor",
        "CreateUser",
        "CreateVirtualMFADevice",
        "DeactivateMFADevice",
        "DeleteRolePermissionsBoundary",
        "DeleteUserPermissionsBoundary",
        "EnableMFADevice",
        "GetFederationToken",
        "PassRole",
        "PutGroupPolicy",
        "PutRolePolicy",
        "PutUserPolicy",
        "SetDefaultPolicyVersion",
        "UpdateAccessKey",
        "UpdateAssumeRolePolicy",
        "UpdateLoginProfile",
        "UpdateSAMLProvider",
    )
)
_LOGGING = frozenset(
    (
        "CreateFilter",
        "CreateIPSet",
        "DeleteConfigRule",
        "DeleteConfigurationRecorder",
        "DeleteDetector",
        "DeleteFlowLogs",
        "DeleteLogGroup",
        "DeleteLogStream",
        "DeleteResolverQueryLogConfig",
        "DeleteTrail",
        "DisableSecurityHub",
        "DisassociateResolverQueryLogConfig",
        "LeaveOrganization",
        "PutBucketLogging",
        "PutEventSelectors",
        "PutRetentionPolicy",
        "StopConfigurationRecorder",
        "StopLogging",
        "UpdateDetector",
        "UpdateTrail",
    )
)
_SHARING = frozenset(
    (
        "AddPermission",
        "AddPermission20150331",
        "AddPermission20150331v2",
        "AuthorizeSecurityGroupIngress",
        "CreateFunctionUrlConfig",
        "DeletePublicAccessBlock",
        "ModifyDBClusterSnapshotAttribute",
        "ModifyDBSnapshotAttribute",
        "ModifyImageAttribute",
        "ModifySnapshotAttribute",
        "PutBucketAcl",
        "PutBucketPolicy",
        "PutBucketReplication",
        "PutObjectAcl",
        "PutResourcePolicy",
        "SetRepositoryPolicy",
    )
)
_COMPUTE = frozenset(
    (
        "CreateCluster",
        "CreateFunction20150331",
        "CreateNotebookInstance",
        "ModifyInstanceAttribute",
        "RequestSpotFleet",
        "RequestSpotInstances",
        "RunInstances",
        "RunTask",
        "StartInstances",
        "StopInstances",
        "TerminateInstances",
    )
)


def compute(columns: Mapping[str, NDArray[Any]]) -> dict[str, Floats]:
    """Compute the request features; arrays in and out have one length, times are microseconds UTC."""
    return {**_of_the_call(columns), **_of_what_is_new(columns), **_of_how_much(columns)}


def _of_the_call(columns: Mapping[str, NDArray[Any]]) -> dict[str, Floats]:
    """What the call is, whoever made it."""
    operation = columns["operation"]
    read_only, mfa = columns["is_read_only"].astype(np.float64), columns["is_mfa"].astype(np.float64)
    return {
        "exposure": columns["exposure"].astype(np.float64),
        "hour_of_day": hour_of_day(columns["effective_at"]),
        "is_weekend": is_weekend(columns["effective_at"]),
        "is_error": np.array([bool(code) for code in columns["error_code"]], dtype=np.float64),
        "is_write": 1.0 - read_only,
        "is_data_read": columns["is_data_read"].astype(np.float64),
        "is_identity_change": _is_in(operation, _IDENTITY),
        "is_logging_change": _is_in(operation, _LOGGING),
        "is_sharing": _is_in(operation, _SHARING),
        "is_compute_launch": _is_in(operation, _COMPUTE),
        "is_without_mfa": (mfa == 0.0).astype(np.float64),
    }


def _of_what_is_new(columns: Mapping[str, NDArray[Any]]) -> dict[str, Floats]:
    """How new the call is to who made it, and to those who are like them."""
    own, mine = columns["principal_operation_calls_30d"], columns["principal_calls_30d"]
    peers = columns["peer_operation_calls_90d"]
    usual = (own + 1.0) / (mine + _USUAL_OPERATIONS)
    return {
        "is_new_operation": _is_zero(columns["principal_operation_calls_90d"]),
        "is_new_operation_for_peers": _is_zero(peers),
        "is_new_network": _is_zero(columns["principal_network_calls_90d"]),
        "is_new_country": _is_zero(columns["principal_country_calls_90d"]),
        "is_new_agent": _is_zero(columns["principal_agent_calls_90d"]),
        "operation_surprise": -np.log2(usual),
        "peer_surprise": -np.log2((peers + 1.0) / (peers + mine + _USUAL_OPERATIONS)),
        "network_share": ratio(columns["principal_network_calls_30d"], mine),
    }


def _of_how_much(columns: Mapping[str, NDArray[Any]]) -> dict[str, Floats]:
    """How much the principal does just now against its own thirty days, each smoothed by one."""
    return {
        "calls_burst": _burst(columns["principal_calls_1h"], columns["principal_calls_30d"], _HOURS),
        "reads_burst": _burst(columns["principal_data_reads_1d"], columns["principal_data_reads_30d"], _DAYS),
        "bytes_burst": _burst(columns["principal_bytes_1d"], columns["principal_bytes_30d"], _DAYS),
        "resources_burst": _burst(columns["principal_resources_1h"], columns["principal_resources_30d"], _DAYS),
    }


def _burst(now: Floats, month: Floats, parts: float) -> Floats:
    result: Floats = (now + 1.0) / (month / parts + 1.0)
    return result


def _is_in(names: NDArray[Any], known: frozenset[str]) -> Floats:
    return np.array([name in known for name in names], dtype=np.float64)


def _is_zero(counts: Floats) -> Floats:
    """1 for nought, 0 for more, NaN where it is not known."""
    return np.where(np.isnan(counts), np.nan, (counts == 0).astype(np.float64))
