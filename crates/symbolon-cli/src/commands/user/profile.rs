//! What is said about a user besides the name.

use symbolon_proto::v1::{self, phone::Kind};

use crate::{context::Context, error::Failure, view};

/// An empty value takes away what was there.
#[derive(clap::Args, Default)]
pub(crate) struct Profile {
    /// E-mail address
    #[arg(long, value_name = "ADDRESS")]
    email: Option<String>,
    /// Telephone, as mobile:+49301234567, office:+49301234567x89 or backup:...; mobile if it is not
    /// said. Several are given one by one, and replace those that were there
    #[arg(long = "phone", value_name = "PHONE")]
    phones: Vec<String>,
    /// Group. Several are given one by one, and replace those that were there
    #[arg(long = "group", value_name = "GROUP")]
    groups: Vec<String>,
    /// Tag. Several are given one by one, and replace those that were there
    #[arg(long = "tag", value_name = "TAG")]
    tags: Vec<String>,
    /// Language, such as de or de-AT
    #[arg(long, value_name = "TAG")]
    language: Option<String>,
}

/// Somebody whom others are like.
#[derive(clap::Args)]
pub(crate) struct Like {
    /// A user who has the groups, the tags and the language that are not given
    #[arg(long, value_name = "USER")]
    like: Option<String>,
}

impl Like {
    /// What is to be as that user has it, and nothing else.
    pub(crate) async fn look(self, context: &Context) -> Result<v1::User, Failure> {
        let Some(name) = self.like else { return Ok(v1::User::default()) };
        let v1::User { groups, tags, language, .. } = super::get(context, name, false).await?;
        Ok(v1::User { groups, tags, language, ..v1::User::default() })
    }
}

impl Profile {
    /// Puts what is said into a message, and names the fields of it.
    pub(super) fn put_into(self, user: &mut v1::User) -> Result<Vec<&'static str>, Failure> {
        let mut fields = Vec::new();
        let some = |texts: Vec<String>| texts.into_iter().filter(|text| !text.is_empty());
        if let Some(email) = self.email {
            user.email = email;
            fields.push("email");
        }
        if !self.phones.is_empty() {
            user.phones = some(self.phones).map(|text| phone(&text)).collect::<Result<_, _>>()?;
            fields.push("phones");
        }
        if !self.groups.is_empty() {
            user.groups = some(self.groups).collect();
            fields.push("groups");
        }
        if !self.tags.is_empty() {
            user.tags = some(self.tags).collect();
            fields.push("tags");
        }
        if let Some(language) = self.language {
            user.language = language;
            fields.push("language");
        }
        Ok(fields)
    }
}

fn phone(text: &str) -> Result<v1::Phone, Failure> {
    let (kind, number) = match text.split_once(':') {
        None | Some(("mobile", _)) => (Kind::Mobile, text.trim_start_matches("mobile:")),
        Some(("office", number)) => (Kind::Office, number),
        Some(("backup", number)) => (Kind::Backup, number),
        Some(_) => {
            return Err(Failure::usage(
                "A telephone is of an unknown kind.",
                "Write mobile:, office: or backup: before the number.",
            ));
        }
    };
    let (number, extension) = number.split_once('x').unwrap_or((number, ""));
    let (number, extension) = (number.to_owned(), extension.to_owned());
    Ok(v1::Phone { kind: kind.into(), number, extension })
}

/// Telephones as they are typed.
pub(super) fn phones(phones: &[view::Phone]) -> String {
    let text = |phone: &view::Phone| {
        let extension = match phone.extension.as_str() {
            "" => String::new(),
            extension => format!("x{extension}"),
        };
        format!("{}:{}{extension}", phone.kind.to_lowercase(), phone.number)
    };
    phones.iter().map(text).collect::<Vec<_>>().join(", ")
}
