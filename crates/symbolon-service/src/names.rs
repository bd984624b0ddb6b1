//! From what people type to names that are equal when they mean the same.

use precis_core::profile::PrecisFastInvocation as _;
use precis_profiles::UsernameCaseMapped;
use symbolon_core::limits::USER_NAME_BYTES_MAX;
use symbolon_core::{Name, NameError, UserName};

use crate::ServiceError;

/// A user name in its normal form (RFC 8265 section 3.3): case, width and Unicode form do not
/// distinguish users, and `DOMAIN\name` is another way to write `name@domain`.
pub(crate) fn user_name(text: &str) -> Result<UserName, ServiceError> {
    let field = "username";
    if text.is_empty() {
        return Err(ServiceError::invalid(field, "it is empty"));
    }
    if text.len() > USER_NAME_BYTES_MAX {
        let problem = format!("it is longer than {USER_NAME_BYTES_MAX} bytes");
        return Err(ServiceError::invalid(field, problem));
    }
    if is_plain(text) {
        return UserName::new(text).map_err(|error| bad_name(field, error));
    }
    let normalised = UsernameCaseMapped::enforce(text).ok();
    // Some letters, of Cherokee for one, have a lower case that the profile refuses: what is stored
    // must be a name that can be asked for.
    let stable = normalised.filter(|name| {
        UsernameCaseMapped::enforce(name.as_ref()).is_ok_and(|again| again == *name)
    });
    let normalised = stable.ok_or_else(|| {
        ServiceError::invalid(
            field,
            "it holds a character that a user name cannot have (RFC 8265, UsernameCaseMapped): \
             no spaces, control characters or symbols",
        )
    })?;
    let spelled = match normalised.split('\\').collect::<Vec<_>>()[..] {
        [_] => normalised.into_owned(),
        [domain, name] if !domain.is_empty() && !name.is_empty() && !normalised.contains('@') => {
            format!("{name}@{domain}")
        }
        _ => {
            let problem = "a backslash stands once, between a domain and a name without `@`";
            return Err(ServiceError::invalid(field, problem));
        }
    };
    UserName::new(spelled).map_err(|error| bad_name(field, error))
}

/// Whether a name is its own normal form for being in ASCII: the profile takes all that can be seen of
/// it, and changes capitals alone. Most names are, and each sign-in asks.
fn is_plain(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_graphic() && !byte.is_ascii_uppercase() && byte != b'\\')
}

/// The name of an application, node or cluster.
pub(crate) fn name(field: &'static str, text: &str) -> Result<Name, ServiceError> {
    Name::new(text).map_err(|error| bad_name(field, error))
}

pub(crate) fn bad_name(field: &'static str, error: NameError) -> ServiceError {
    ServiceError::invalid(field, error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_width_and_unicode_form_do_not_distinguish() {
        for (one, other) in [("Alice", "alice"), ("ｂｏｂ", "bob"), ("re\u{301}my", "r\u{e9}my")]
        {
            assert_eq!(user_name(one), user_name(other), "{one} and {other}");
        }
    }

    #[test]
    fn a_domain_is_written_before_or_after_the_name() {
        assert_eq!(user_name("SALES\\Alice"), user_name("alice@sales"));
        assert_eq!(user_name("sales.example\\alice"), user_name("Alice@Sales.Example"));
        for bad in ["\\alice", "SALES\\", "A\\B\\alice", "SALES\\alice@sales", "\\"] {
            assert!(user_name(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_name_that_is_taken_can_be_asked_for_by_its_stored_form() {
        let (mut taken, mut refused) = (0, 0);
        for character in '\0'..=char::MAX {
            let Ok(name) = user_name(&format!("x{character}")) else {
                refused += 1;
                continue;
            };
            taken += 1;
            assert_eq!(user_name(name.as_str()), Ok(name.clone()), "{name:?}");
        }
        assert!(taken > 90_000 && refused > 100_000, "{taken} {refused}");
        assert!(user_name("\u{13a0}").is_err(), "a Cherokee letter without a stable lower case");
    }

    #[test]
    fn a_plain_name_is_what_the_profile_makes_of_it() {
        for (one, two) in
            ('\0'..='\u{ff}').flat_map(|one| ('\0'..='\u{ff}').map(move |two| (one, two)))
        {
            let name = String::from_iter([one, two]);
            if is_plain(&name) {
                assert_eq!(UsernameCaseMapped::enforce(&*name).unwrap(), name);
            }
        }
        assert!(is_plain("a.b-c_d+9@corp.example") && !is_plain("Alice") && !is_plain("d\\a"));
    }

    #[test]
    fn bad_names_are_refused_by_field_and_problem() {
        for bad in ["", "two words", "tab\there", "nul\0", &"x".repeat(257)] {
            let error = user_name(bad).unwrap_err();
            assert!(error.to_string().starts_with("username: it "), "{error}");
        }
    }
}
