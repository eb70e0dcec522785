//! What went wrong with a call, in the domain's words. The one question that matters for a write: can it have happened?

use std::error::Error;

use aws_credential_types::provider::error::CredentialsError;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use crate::domain::call::{CloudError, CloudErrorKind};
use crate::domain::text::Untrusted;

/// How an error begins whose endpoint is no URL.
const BAD_ENDPOINT: &str = "failed to apply endpoint";
/// Longer than this nobody reads, and a body may be in it.
const LONGEST: usize = 400;

/// Whether a call can have changed something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// It only asks.
    Read,
    /// It changes.
    Write,
}

/// A failure and whether asking once more may help.
#[derive(Debug)]
pub(super) struct Failure {
    /// The failure.
    pub(super) error: CloudError,
    /// Reads only: throttled, the service stumbled, or the way to it broke off.
    pub(super) passing: bool,
}

/// The failure of `api`, from what the SDK tells.
pub(super) fn failure<E>(api: &str, mode: Mode, error: &SdkError<E, HttpResponse>) -> Failure
where
    E: ProvideErrorMetadata + Error + 'static,
{
    let (kind, message) = match error {
        SdkError::ServiceError(service) => answered(mode, service.err(), service.raw()),
        SdkError::ResponseError(broken) => unreadable(mode, broken.raw(), &causes(error)),
        SdkError::TimeoutError(_) => (unless_written(mode, CloudErrorKind::Network), no_answer()),
        SdkError::DispatchFailure(dispatch) => not_dispatched(mode, dispatch.is_timeout(), error),
        SdkError::ConstructionFailure(_) => match credentials_words(error) {
            Some(words) => (CloudErrorKind::Auth, words),
            None => (CloudErrorKind::Invalid, causes(error)),
        },
        // A way to fail that this version does not know: a write may have happened.
        _ => (unless_written(mode, CloudErrorKind::Unsupported), causes(error)),
    };
    let status = error.raw_response().map_or(0, |response| response.status().as_u16());
    let stumbled = status >= 500 && kind != CloudErrorKind::Unsupported;
    let broke_off = match error {
        SdkError::DispatchFailure(dispatch) => kind == CloudErrorKind::Network && !dispatch.is_timeout(),
        SdkError::ResponseError(_) => true,
        _ => false,
    };
    let passing = mode == Mode::Read && (kind == CloudErrorKind::Throttled || stumbled || broke_off);
    Failure { error: CloudError::new(kind, api, Untrusted::new(message)), passing }
}

/// The sentence of a call that got no answer in time.
pub(super) fn no_answer() -> String {
    format!("no answer in {} s", super::CALL_TIMEOUT.as_secs())
}

const fn unless_written(mode: Mode, otherwise: CloudErrorKind) -> CloudErrorKind {
    match mode {
        Mode::Read => otherwise,
        Mode::Write => CloudErrorKind::OutcomeUnknown,
    }
}

fn answered<E: ProvideErrorMetadata + Error + 'static>(mode: Mode, error: &E, raw: &HttpResponse) -> (CloudErrorKind, String) {
    let Some(code) = error.code() else { return unreadable(mode, raw, &causes(error)) };
    let message = error.message().unwrap_or_default();
    let kind = kind_of(code, message, raw.status().as_u16(), mode);
    (kind, if message.is_empty() { code.to_owned() } else { format!("{code}: {message}") })
}

/// The kind of an error answer by its code, its words and its HTTP status.
pub(super) fn kind_of(code: &str, message: &str, status: u16, mode: Mode) -> CloudErrorKind {
    let code = code.strip_prefix("Client.").or_else(|| code.strip_prefix("Server.")).unwrap_or(code);
    match code {
        // EC2 throttles with status 503, so the code comes before the status: what was throttled did not happen.
        "Throttling"
        | "ThrottlingException"
        | "ThrottledException"
        | "RequestLimitExceeded"
        | "RequestThrottled"
        | "RequestThrottledException"
        | "TooManyRequestsException"
        | "TooManyRequests"
        | "SlowDown"
        | "EC2ThrottledException"
        | "BandwidthLimitExceeded" => CloudErrorKind::Throttled,
        // EC2 says AuthFailure also of an image that is not shared with us: that is a permission, not a sign-in.
        "AuthFailure" if message.starts_with("Not authorized for") => CloudErrorKind::Denied,
        "AuthFailure"
        | "ExpiredToken"
        | "ExpiredTokenException"
        | "RequestExpired"
        | "RequestTimeTooSkewed"
        | "InvalidClientTokenId"
        | "UnrecognizedClientException"
        | "UnrecognizedClient"
        | "SignatureDoesNotMatch"
        | "InvalidSignatureException"
        | "IncompleteSignature"
        | "IncompleteSignatureException"
        | "MissingAuthenticationToken"
        | "MissingAuthenticationTokenException"
        | "InvalidAccessKeyId"
        | "NotSignedUp" => CloudErrorKind::Auth,
        "AccessDenied" | "AccessDeniedException" | "UnauthorizedOperation" | "UnauthorizedAccess" | "NotAuthorized" | "OptInRequired" | "Blocked" => {
            CloudErrorKind::Denied
        }
        "InvalidAction" | "UnknownOperation" | "UnknownOperationException" | "UnsupportedOperation" | "NotImplemented" | "InvalidVersion" => {
            CloudErrorKind::Unsupported
        }
        // It ended before it could be turned round: nothing that was named is missing.
        "ActiveInstanceRefreshNotFound" => CloudErrorKind::Conflict,
        _ if is_not_found(code, message) => CloudErrorKind::NotFound,
        _ if is_conflict(code) => CloudErrorKind::Conflict,
        _ if status == 429 => CloudErrorKind::Throttled,
        _ if status >= 500 => unless_written(mode, CloudErrorKind::Network),
        _ => CloudErrorKind::Invalid,
    }
}

fn is_not_found(code: &str, message: &str) -> bool {
    // Auto Scaling has no code of its own for a group that is not there.
    let by_words = code == "ValidationError" && message.contains("not found");
    code.ends_with("NotFound") || code.ends_with("NotFoundException") || code.ends_with("DoesNotExist") || by_words || is_gone(code)
}

fn is_gone(code: &str) -> bool {
    matches!(code, "InvalidAMIID.Unavailable" | "NoSuchEntity")
}

fn is_conflict(code: &str) -> bool {
    matches!(
        code,
        "ResourceInUse"
            | "ResourceInUseException"
            | "ResourceInUseFault"
            | "ScalingActivityInProgress"
            | "ResourceContention"
            | "DependencyViolation"
            | "VolumeInUse"
            | "IdempotentParameterMismatch"
            | "InstanceRefreshInProgress"
            | "IrreversibleInstanceRefresh"
            | "IncorrectState"
            | "IncorrectInstanceState"
            | "PriorityInUse"
    ) || code.ends_with("AlreadyExists")
        || code.ends_with("AlreadyExistsException")
}

/// An answer that is not in the service's language: another server answered, or the answer broke off.
fn unreadable(mode: Mode, raw: &HttpResponse, causes: &str) -> (CloudErrorKind, String) {
    let status = raw.status().as_u16();
    let body = raw.body().bytes().unwrap_or_default();
    let html = body.trim_ascii_start().get(..5).is_some_and(|start| start.eq_ignore_ascii_case(b"<html") || start.eq_ignore_ascii_case(b"<!doc"));
    match status {
        429 => return (CloudErrorKind::Throttled, "the endpoint answered with status 429".to_owned()),
        // No AWS service refuses without a code: something else answered, and did nothing.
        400..500 => return (CloudErrorKind::Unsupported, format!("the endpoint does not answer as AWS does: status {status}")),
        _ if html && mode == Mode::Read => {
            return (CloudErrorKind::Unsupported, format!("the endpoint answered a web page with status {status}"));
        }
        _ => {}
    }
    // A success that cannot be read, or a 5xx: the write may well have happened.
    (unless_written(mode, CloudErrorKind::Network), format!("the answer, with status {status}, could not be read: {causes}"))
}

fn not_dispatched(mode: Mode, timed_out: bool, error: &(dyn Error + 'static)) -> (CloudErrorKind, String) {
    if let Some(words) = credentials_words(error) {
        return (CloudErrorKind::Auth, words);
    }
    if never_connected(error) {
        return (CloudErrorKind::Network, causes(error));
    }
    // A connection that broke, or an answer that did not come: nobody can tell how much of the request arrived.
    (unless_written(mode, CloudErrorKind::Network), if timed_out { no_answer() } else { causes(error) })
}

/// Whether the failure was before a byte of the request was sent: the endpoint is no URL, or connecting failed. The HTTP client's types are
/// not ours to name, so their words are compared; words that are not known mean that it may have been sent.
fn never_connected(error: &(dyn Error + 'static)) -> bool {
    chain(error).any(|cause| {
        let words = cause.to_string();
        words == "client error (Connect)" || words.starts_with("HTTP connect timeout") || words.starts_with(BAD_ENDPOINT)
    })
}

/// What is wrong with the credentials, if it is they that are wrong. The SDK's own account of a chain without credentials fills a screen.
fn credentials_words(error: &(dyn Error + 'static)) -> Option<String> {
    let cause = chain(error).find(|cause| cause.downcast_ref::<CredentialsError>().is_some() || cause.to_string().contains("auth scheme"))?;
    if !matches!(cause.downcast_ref::<CredentialsError>(), Some(CredentialsError::CredentialsNotLoaded(_))) {
        return Some(causes(error));
    }
    let whole_chain = chain(error).any(|cause| cause.to_string().contains("no credentials found in chain"));
    let words = if whole_chain {
        "no credentials were found: not in the environment, a profile, a web identity, the container or the instance metadata"
    } else {
        "the profile does not exist or gives no credentials"
    };
    Some(words.to_owned())
}

fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |cause: &&'a (dyn Error + 'static)| (*cause).source()).take(16)
}

/// The causes in one line, the SDK's own general words left out where there are better ones.
fn causes(error: &(dyn Error + 'static)) -> String {
    let mut words: Vec<String> = chain(error).map(|cause| one_line(&cause.to_string())).collect();
    words.dedup();
    if words.len() > 1 {
        let general = [
            "client error (Connect)",
            "dispatch failure",
            "response error",
            "service error",
            "failed to construct request",
            "unhandled error",
            "other",
            "io error",
        ];
        words.retain(|word| !general.contains(&word.as_str()));
    }
    words.join(": ").chars().take(LONGEST).collect()
}

/// Without line breaks, and without the request that the SDK may print into an error: it holds user data.
fn one_line(words: &str) -> String {
    let words = words.split(" to request `").next().unwrap_or_default();
    words.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_become_kinds() {
        for (code, message, status, kind) in [
            ("RequestLimitExceeded", "", 503, CloudErrorKind::Throttled),
            ("Throttling", "Rate exceeded", 400, CloudErrorKind::Throttled),
            ("ExpiredToken", "", 400, CloudErrorKind::Auth),
            ("AuthFailure", "AWS was not able to validate the provided access credentials", 401, CloudErrorKind::Auth),
            ("AuthFailure", "Not authorized for images: [ami-1]", 403, CloudErrorKind::Denied),
            ("Client.UnauthorizedOperation", "", 403, CloudErrorKind::Denied),
            ("InvalidAMIID.NotFound", "", 400, CloudErrorKind::NotFound),
            ("InvalidLaunchTemplateId.VersionNotFound", "", 400, CloudErrorKind::NotFound),
            ("RuleNotFound", "", 400, CloudErrorKind::NotFound),
            ("ValidationError", "AutoScalingGroup name not found - x", 400, CloudErrorKind::NotFound),
            ("ValidationError", "Max bound must be greater than min", 400, CloudErrorKind::Invalid),
            ("ResourceContention", "", 500, CloudErrorKind::Conflict),
            ("ScalingActivityInProgress", "", 400, CloudErrorKind::Conflict),
            ("InvalidAction", "", 400, CloudErrorKind::Unsupported),
        ] {
            assert_eq!(kind_of(code, message, status, Mode::Write), kind, "{code}");
            assert_eq!(kind_of(code, message, status, Mode::Read), kind, "{code}");
        }
        assert_eq!(kind_of("InternalFailure", "", 500, Mode::Write), CloudErrorKind::OutcomeUnknown);
        assert_eq!(kind_of("InternalFailure", "", 500, Mode::Read), CloudErrorKind::Network);
    }

    #[test]
    fn an_answer_in_another_language_is_a_riddle_only_for_a_write_that_may_have_been_made() {
        let answer = |mode, status: u16, body: &'static str| {
            let raw = HttpResponse::new(status.try_into().unwrap(), aws_smithy_types::body::SdkBody::from(body));
            unreadable(mode, &raw, "no root element").0
        };
        for (status, body, read, write) in [
            (502, "<!DOCTYPE html><p>bad gateway", CloudErrorKind::Unsupported, CloudErrorKind::OutcomeUnknown),
            (200, "\n<HTML>sign in", CloudErrorKind::Unsupported, CloudErrorKind::OutcomeUnknown),
            (503, "", CloudErrorKind::Network, CloudErrorKind::OutcomeUnknown),
            (200, "<DescribeRulesResponse><Rul", CloudErrorKind::Network, CloudErrorKind::OutcomeUnknown),
            (404, "<html>", CloudErrorKind::Unsupported, CloudErrorKind::Unsupported),
            (429, "", CloudErrorKind::Throttled, CloudErrorKind::Throttled),
        ] {
            assert_eq!((answer(Mode::Read, status, body), answer(Mode::Write, status, body)), (read, write), "{status} {body}");
        }
    }

    #[test]
    fn a_request_in_an_error_stays_out_of_sight() {
        let words = "failed to apply endpoint `x` to request `Request { body: UserData=c2VjcmV0 }`:\n  not a URL";
        assert_eq!(one_line(words), "failed to apply endpoint `x`");
    }
}
