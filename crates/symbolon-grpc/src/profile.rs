//! Profiles of users as clients see them.

use symbolon_core::{Phone, PhoneKind, Profile, ProfileChange, ProfileError, ProfileField, User};
use symbolon_proto::v1;
use symbolon_proto::v1::phone::Kind;
use symbolon_service::ServiceError;

/// The parts of a profile as a message has them.
pub(crate) struct Parts {
    pub(crate) email: String,
    pub(crate) phones: Vec<v1::Phone>,
    pub(crate) groups: Vec<String>,
    pub(crate) tags: Vec<String>,
    pub(crate) language: String,
}

impl Parts {
    pub(crate) fn checked(self) -> Result<Profile, ServiceError> {
        let Self { email, phones, groups, tags, language } = self;
        let phones = phones.into_iter().map(phone_from).collect::<Result<_, _>>();
        phones
            .and_then(|phones| Profile::new(email, phones, groups, tags, language))
            .map_err(invalid)
    }

    /// What is not empty is said; the rest is not.
    pub(crate) fn said(self) -> Result<ProfileChange, ServiceError> {
        let values = self.checked()?;
        let fields = Profile::default().differing(&values, &ProfileField::ALL);
        Ok(ProfileChange { fields, values })
    }
}

fn invalid(error: ProfileError) -> ServiceError {
    ServiceError::InvalidArgument { field: error.field().name(), problem: error.to_string() }
}

fn phone_from(message: v1::Phone) -> Result<Phone, ProfileError> {
    let kind = match Kind::try_from(message.kind) {
        Ok(Kind::Unspecified | Kind::Mobile) => PhoneKind::Mobile,
        Ok(Kind::Office) => PhoneKind::Office,
        Ok(Kind::Backup) => PhoneKind::Backup,
        Err(_) => return Err(ProfileError::Phone),
    };
    Phone::new(kind, message.number, message.extension)
}

fn phone_to(phone: &Phone) -> v1::Phone {
    let kind = match phone.kind() {
        PhoneKind::Mobile => Kind::Mobile,
        PhoneKind::Office => Kind::Office,
        PhoneKind::Backup => Kind::Backup,
    };
    v1::Phone {
        kind: kind.into(),
        number: phone.number().to_owned(),
        extension: phone.extension().to_owned(),
    }
}

/// A message with the profile of a user.
pub(crate) fn shown(user: &User, message: v1::User) -> v1::User {
    let profile = user.profile();
    v1::User {
        email: profile.email().to_owned(),
        phones: profile.phones().iter().map(phone_to).collect(),
        groups: profile.groups().to_vec(),
        tags: profile.tags().to_vec(),
        language: profile.language().to_owned(),
        ..message
    }
}

/// The field that a path of a mask names.
pub(crate) fn field(path: &str) -> Option<ProfileField> {
    ProfileField::ALL.into_iter().find(|field| field.name() == path)
}
