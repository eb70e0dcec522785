//! Answers that break off in the middle are no answers: the SDK's XML reader takes what has come for the whole, and a list cut short for a
//! shorter list.

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::AfterDeserializationInterceptorContextRef;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;

/// Fails a call whose answer is XML without its end.
#[derive(Debug)]
pub(super) struct WholeAnswer;

impl Intercept for WholeAnswer {
    fn name(&self) -> &'static str {
        "WholeAnswer"
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let response = context.response();
        match response.body().bytes() {
            Some(body) if response.status().is_success() && !is_whole(body) => Err("it breaks off in the middle".into()),
            _ => Ok(()),
        }
    }
}

/// Whether the root element is closed. What is no XML, as CloudWatch's CBOR, is left to whoever reads it: it says how long its parts are.
fn is_whole(body: &[u8]) -> bool {
    let body = body.trim_ascii();
    if body.first() != Some(&b'<') {
        return true;
    }
    let Ok(mut text) = std::str::from_utf8(body) else { return false };
    if text.starts_with("<?xml") {
        text = text.split_once("?>").map_or("", |(_, after)| after.trim_start());
    }
    let Some(root) = text.strip_prefix('<') else { return false };
    let name = root.split(['>', '/', ' ', '\n', '\t', '\r']).next().unwrap_or_default();
    let empty = text.ends_with("/>") && text.matches('<').count() == 1;
    empty || text.strip_suffix('>').is_some_and(|most| most.trim_end().ends_with(&format!("</{name}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_answer_with_its_end_is_whole() {
        let whole = "<?xml version=\"1.0\"?>\n<DescribeRulesResponse xmlns=\"u\"><Rules><member>a</member></Rules></DescribeRulesResponse>\n";
        assert!(is_whole(whole.as_bytes()));
        for cut in 1..whole.len() - 1 {
            assert!(!is_whole(&whole.as_bytes()[..cut]), "{}", &whole[..cut]);
        }
        assert!(is_whole(&[0xbf, 0x6a, 0xff, 0xfb, 0x3f]), "CBOR is not our business");
        for (text, is) in [("<R/>", true), ("<R a=\"b\" />", true), ("", true), ("{\"json\":1}", true), ("<R><R/>", false), ("<R></R >", true)] {
            assert_eq!(is_whole(text.as_bytes()), is, "{text}");
        }
    }
}
