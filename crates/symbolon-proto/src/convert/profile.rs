//! Profiles of users.

use symbolon_core::{
    AuditRow, LabelChange, Phone, PhoneKind, Profile, ProfileChange, ProfileField, UserChange,
    UserId,
};

use super::{DecodeError, display_name, need};
use crate::store::v1 as store;
use crate::store::v1::audit_row::Event;

/// Nothing, for a profile of which nothing is known.
pub(super) fn profile_to_proto(profile: &Profile) -> Option<store::Profile> {
    let phone = |phone: &Phone| store::Phone {
        kind: phone.kind().number(),
        number: phone.number().to_owned(),
        extension: phone.extension().to_owned(),
    };
    (*profile != Profile::default()).then(|| store::Profile {
        email: profile.email().to_owned(),
        phone: profile.phones().iter().map(phone).collect(),
        group: profile.groups().to_vec(),
        tag: profile.tags().to_vec(),
        language: profile.language().to_owned(),
    })
}

pub(super) fn profile_from_proto(m: Option<store::Profile>) -> Result<Profile, DecodeError> {
    let store::Profile { email, phone, group, tag, language } = m.unwrap_or_default();
    let phones = phone.into_iter().map(|phone| {
        let kind = need(PhoneKind::from_number(phone.kind), "phone.kind")?;
        let phone = Phone::new(kind, phone.number, phone.extension);
        phone.map_err(|_| DecodeError::Field("phone"))
    });
    let profile = Profile::new(email, phones.collect::<Result<_, _>>()?, group, tag, language);
    profile.map_err(|_| DecodeError::Field("profile"))
}

pub(super) fn fields_to_proto(fields: &[ProfileField]) -> Vec<u32> {
    fields.iter().map(|field| field.number()).collect()
}

pub(super) fn fields_from_proto(numbers: &[u32]) -> Result<Vec<ProfileField>, DecodeError> {
    let field = |number: &u32| {
        let found = ProfileField::ALL.into_iter().find(|field| field.number() == *number);
        need(found, "profile_field")
    };
    numbers.iter().map(field).collect()
}

pub(super) fn change_from_proto(
    numbers: &[u32],
    profile: Option<store::Profile>,
) -> Result<ProfileChange, DecodeError> {
    let fields = fields_from_proto(numbers)?;
    Ok(ProfileChange { fields, values: profile_from_proto(profile)? })
}

/// `None` for any other event.
pub(super) fn user_updated_to_proto(row: &AuditRow) -> Option<Event> {
    let AuditRow::UserUpdated { user, display_name, disabled, profile, change } = row else {
        return None;
    };
    let labels = |change: &LabelChange| store::LabelChange {
        before: change.before.clone(),
        after: change.after.clone(),
    };
    Some(Event::UserUpdated(store::UserUpdated {
        user: user.0,
        display_name: display_name.as_ref().map(ToString::to_string),
        disabled: *disabled,
        profile_field: fields_to_proto(profile),
        renamed: change.renamed,
        disabled_before: change.disabled_before,
        groups: change.groups.as_ref().map(labels),
        tags: change.tags.as_ref().map(labels),
    }))
}

pub(super) fn user_updated_from_proto(m: store::UserUpdated) -> Result<AuditRow, DecodeError> {
    Ok(AuditRow::UserUpdated {
        user: UserId(m.user),
        display_name: m.display_name.map(display_name).transpose()?,
        disabled: m.disabled,
        profile: fields_from_proto(&m.profile_field)?,
        change: UserChange {
            renamed: m.renamed,
            disabled_before: m.disabled_before,
            groups: m.groups.map(labels_from_proto).transpose()?,
            tags: m.tags.map(labels_from_proto).transpose()?,
        },
    })
}

/// Groups and tags are names alike.
fn labels_from_proto(m: store::LabelChange) -> Result<LabelChange, DecodeError> {
    let labels = |list: Vec<String>| {
        let profile = Profile::new(String::new(), Vec::new(), list, Vec::new(), String::new());
        profile.map(|profile| profile.groups().to_vec()).map_err(|_| DecodeError::Field("labels"))
    };
    Ok(LabelChange { before: labels(m.before)?, after: labels(m.after)? })
}
