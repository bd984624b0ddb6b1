//! What a new cluster is filled with, so that there is something to try.

use std::path::PathBuf;

use serde::Serialize;
use symbolon_proto::v1::CreateApplicationRequest;

use super::LocalCluster;
use crate::{
    commands::{application, token, user},
    error::Failure,
};

pub(crate) const APPLICATION: &str = "demo-app";
const USERS: [(&str, &str); 2] = [("alice", "Alice"), ("bob", "Bob")];

/// A user to try things out with.
#[derive(Serialize)]
pub(crate) struct SampleUser {
    pub(crate) username: String,
    /// Shown when it is enrolled, and unknown afterwards.
    pub(crate) otpauth: Option<String>,
}

impl LocalCluster {
    /// Where the API key of the application is.
    pub(crate) fn api_key_file(&self) -> PathBuf {
        self.directory().join("demo-app.key")
    }

    /// Adds an application, with its key in a file, and users with a token each.
    pub(crate) async fn provision(&self) -> Result<Vec<SampleUser>, Failure> {
        let administrator = self.administrator()?;
        let key_file = self.api_key_file();
        let name = APPLICATION.to_owned();
        let question = CreateApplicationRequest { name, ..Default::default() };
        application::add(&administrator, question, Some(&key_file)).await?;
        let mut users = Vec::new();
        for (username, display_name) in USERS {
            user::add(&administrator, username.to_owned(), display_name.to_owned()).await?;
            users.push(SampleUser {
                username: username.to_owned(),
                otpauth: Some(token::enroll_default(&administrator, username).await?),
            });
        }
        Ok(users)
    }

    /// The users of a cluster that was filled before. Their secrets cannot be shown again.
    pub(crate) fn provisioned(&self) -> Vec<SampleUser> {
        USERS
            .map(|(username, _)| SampleUser { username: username.to_owned(), otpauth: None })
            .into()
    }
}
