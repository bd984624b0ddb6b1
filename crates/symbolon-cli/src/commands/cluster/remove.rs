//! `symbolon cluster remove-node`

use symbolon_proto::v1::{RemoveNodeRequest, cluster_service_client::ClusterServiceClient};

use crate::{
    context::Context,
    error::Failure,
    output::{self, Format},
    view::NodeRemoval,
};

pub(super) async fn node(context: &Context, node: String, format: Format) -> Result<(), Failure> {
    let question = RemoveNodeRequest { node: node.clone() };
    let done = context
        .write(question, async |channel, request| {
            ClusterServiceClient::new(channel).remove_node(request).await
        })
        .await?;
    let (key, tokens, log_index) = (done.key, done.tokens, done.log_index);
    let removal = NodeRemoval { node, key, tokens, log_index };
    match format {
        Format::Json => output::json(&removal),
        Format::Table => output::line(&in_words(&removal)),
    }
}

fn in_words(removal: &NodeRemoval) -> String {
    let NodeRemoval { node, key, tokens, .. } = removal;
    let node = output::printable(node);
    let seeds = match tokens {
        0 => return format!("{node} is removed. {}", next_key(*key)),
        1 => "the seed of 1 token".to_owned(),
        tokens => format!("the seeds of {tokens} tokens"),
    };
    format!(
        "{node} is removed. {}\nUntil now it could read {seeds}. If the machine or a copy of its disk may \
         be in wrong hands, a new\ndata key does not help against that: enrol those tokens anew, those \
         that matter most first,\nwith `symbolon token enroll` and `symbolon token remove`.",
        next_key(*key)
    )
}

fn next_key(key: u32) -> String {
    format!(
        "Data key {key} seals from now on, as soon as every node has it; `symbolon cluster status` shows\n\
         how far that is."
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(tokens: u64) -> String {
        in_words(&NodeRemoval { node: "node-3".to_owned(), key: 2, tokens, log_index: 9 })
    }

    #[test]
    fn who_removes_a_node_is_told_what_it_could_read() {
        assert!(told(1).contains("the seed of 1 token."), "{}", told(1));
        let told = told(120);
        for part in [
            "node-3 is removed",
            "Data key 2 seals",
            "the seeds of 120 tokens",
            "enrol those tokens anew",
        ] {
            assert!(told.contains(part), "{told}");
        }
    }

    #[test]
    fn nobody_is_told_to_enrol_what_there_is_not() {
        assert!(!told(0).contains("enrol"), "{}", told(0));
    }
}
