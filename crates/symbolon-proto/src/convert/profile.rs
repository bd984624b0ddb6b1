//! Profiles of users.

use symbolon_core::{Phone, PhoneKind, Profile, ProfileChange, ProfileField};

use super::{DecodeError, need};
use crate::store::v1 as store;

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
