//! What was changed, before and after, in a few words.

use symbolon_proto::v1;

/// ` enabled true->false groups sales->it,staff phones`
pub(super) fn of_user(it: &v1::UserUpdatedDetails) -> String {
    let before = it.before.clone().unwrap_or_default();
    let mut text = both("enabled", flag(before.enabled), flag(it.enabled));
    text += &both("groups", list(before.groups.as_ref()), list(it.groups.as_ref()));
    text += &both("tags", list(before.tags.as_ref()), list(it.tags.as_ref()));
    // Of the others only that they are others.
    let is_told = |field: &&String| {
        (*field == "groups" && it.groups.is_some()) || (*field == "tags" && it.tags.is_some())
    };
    for field in it.fields.iter().filter(|field| !is_told(field)) {
        text = text + " " + field;
    }
    text
}

/// ` name vpn->vpn-2 rights verify->verify,help-desk`
pub(super) fn of_application(it: &v1::ApplicationUpdatedDetails) -> String {
    let before = it.before.clone().unwrap_or_default();
    both("name", before.name, it.name.clone())
        + &both("enabled", flag(before.enabled), flag(it.enabled))
        + &both("rights", list(before.rights.as_ref()), list(it.rights.as_ref()))
        + &both("sources", list(before.sources.as_ref()), list(it.sources.as_ref()))
}

/// ` role help-desk->auditor scope group:sales->-`
pub(super) fn of_administrator(it: &v1::AdministratorUpdatedDetails) -> String {
    let before = it.before.clone().unwrap_or_default();
    both("role", before.role, it.role.clone())
        + &both("enabled", flag(before.enabled), flag(it.enabled))
        + &both("scope", list(before.scope.as_ref()), list(it.scope.as_ref()))
}

/// Nothing for what was left. Events of the first builds do not tell what was before: `?`.
fn both(what: &str, before: Option<String>, after: Option<String>) -> String {
    let before = before.as_deref().unwrap_or("?");
    after.map(|after| format!(" {what} {before}->{after}")).unwrap_or_default()
}

fn flag(value: Option<bool>) -> Option<String> {
    value.map(|value| value.to_string())
}

fn list(list: Option<&v1::AuditedList>) -> Option<String> {
    list.map(|list| if list.value.is_empty() { "-".to_owned() } else { list.value.join(",") })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(values: &[&str]) -> Option<v1::AuditedList> {
        let value = values.iter().map(|value| (*value).to_owned()).collect();
        Some(v1::AuditedList { value })
    }

    #[test]
    fn what_decides_is_told_before_and_after_and_of_the_rest_only_its_name() {
        let before =
            v1::UserBefore { enabled: Some(true), groups: values(&["sales", "staff"]), tags: None };
        let it = v1::UserUpdatedDetails {
            enabled: Some(false),
            fields: ["display_name", "phones", "groups"].map(str::to_owned).into(),
            groups: values(&[]),
            before: Some(before),
            ..Default::default()
        };
        assert_eq!(of_user(&it), " enabled true->false groups sales,staff->- display_name phones");
    }

    #[test]
    fn an_event_of_the_first_builds_does_not_tell_what_was_before() {
        let rights = values(&["verify"]);
        let it = v1::ApplicationUpdatedDetails { rights, ..Default::default() };
        assert_eq!(of_application(&it), " rights ?->verify");
        let fields = vec!["groups".to_owned()];
        let it = v1::UserUpdatedDetails { enabled: Some(true), fields, ..Default::default() };
        assert_eq!(of_user(&it), " enabled ?->true groups");
    }
}
