//! What was changed, before and after, in a few words.

use symbolon_proto::v1;

use crate::view;

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

/// ` unknown_users allow`
pub(super) fn of_new_application(it: &v1::ApplicationCreatedDetails) -> String {
    let told = |what: &str, decision: Option<v1::Decision>| {
        decision.map(|is| format!(" {what} {}", view::decision(is))).unwrap_or_default()
    };
    told("unknown_users", it.unknown_users.map(|_| it.unknown_users()))
        + &told("disabled_users", it.disabled_users.map(|_| it.disabled_users()))
        + &told("islands", it.islands.map(|_| it.islands()))
}

/// ` name vpn->vpn-2 rights verify->verify,help-desk unknown_users deny->allow`
pub(super) fn of_application(it: &v1::ApplicationUpdatedDetails) -> String {
    let before = it.before.clone().unwrap_or_default();
    both("name", before.name, it.name.clone())
        + &both("enabled", flag(before.enabled), flag(it.enabled))
        + &both("rights", list(before.rights.as_ref()), list(it.rights.as_ref()))
        + &both("sources", list(before.sources.as_ref()), list(it.sources.as_ref()))
        + &exempts("unknown_users", it.unknown_users.map(|_| it.unknown_users()))
        + &exempts("disabled_users", it.disabled_users.map(|_| it.disabled_users()))
        + &exempts("islands", it.islands.map(|_| it.islands()))
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

/// It is told only when it has changed: before, it was the other.
fn exempts(what: &str, after: Option<v1::Decision>) -> String {
    let before = after.map(|after| match after {
        v1::Decision::Allow => v1::Decision::Deny,
        _ => v1::Decision::Allow,
    });
    let text = |decision| view::decision(decision).to_owned();
    both(what, before.map(text), after.map(text))
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

    #[test]
    fn whom_an_application_lets_in_is_told_where_it_was_chosen() {
        let mut new = v1::ApplicationCreatedDetails::default();
        assert_eq!(of_new_application(&new), "");
        new.set_disabled_users(v1::Decision::Allow);
        assert_eq!(of_new_application(&new), " disabled_users allow");
        let mut it = v1::ApplicationUpdatedDetails::default();
        it.set_unknown_users(v1::Decision::Allow);
        it.set_disabled_users(v1::Decision::Deny);
        let told = " unknown_users deny->allow disabled_users allow->deny";
        assert_eq!(of_application(&it), told);
    }
}
