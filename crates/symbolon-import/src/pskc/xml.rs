//! Looking things up in the tree.
//!
//! Elements are found by their local name alone: drafts of RFC 6030 and files of real suppliers use
//! other namespaces, or none where one belongs, and no two meanings share a name.

use data_encoding::BASE64;
use roxmltree::Node;
use zeroize::Zeroizing;

use super::PskcError;

/// Where lines start, so that asking for a line does not read the file again.
pub(super) struct Lines(Vec<usize>);

impl Lines {
    pub(super) fn of(text: &str) -> Self {
        Self(text.match_indices('\n').map(|(at, _)| at).collect())
    }

    /// The line on which `node` starts, from 1.
    pub(super) fn of_node(&self, node: Node<'_, '_>) -> u64 {
        let start = node.range().start;
        self.0.partition_point(|newline| *newline < start) as u64 + 1
    }

    /// An error of structure at `node`.
    pub(super) fn problem(&self, node: Node<'_, '_>, problem: &'static str) -> PskcError {
        PskcError::Structure { line: self.of_node(node), problem }
    }

    /// The child of one of these names.
    ///
    /// # Errors
    /// [`PskcError::Structure`] when there are two: which of them counts would be a guess.
    pub(super) fn child<'a, 'i>(
        &self,
        node: Node<'a, 'i>,
        names: &[&str],
    ) -> Result<Option<Node<'a, 'i>>, PskcError> {
        let mut found = node.children().filter(|child| is_named(*child, names));
        let first = found.next();
        match found.next() {
            Some(second) => Err(self.problem(second, "an element stands twice where one may be")),
            None => Ok(first),
        }
    }

    /// Like [`Lines::child`], step by step downwards.
    ///
    /// # Errors
    /// As there.
    pub(super) fn descend<'a, 'i>(
        &self,
        node: Node<'a, 'i>,
        path: &[&str],
    ) -> Result<Option<Node<'a, 'i>>, PskcError> {
        let mut found = node;
        for name in path {
            match self.child(found, &[name])? {
                Some(child) => found = child,
                None => return Ok(None),
            }
        }
        Ok(Some(found))
    }

    /// The trimmed text of a child; empty if it is not there.
    ///
    /// # Errors
    /// As [`Lines::child`].
    pub(super) fn child_text(&self, node: Node<'_, '_>, name: &str) -> Result<String, PskcError> {
        let child = self.child(node, &[name])?;
        Ok(child.map(|child| text(child).trim().to_owned()).unwrap_or_default())
    }

    /// The bytes that `node` holds in Base64.
    ///
    /// # Errors
    /// [`PskcError::Structure`] when it is no Base64.
    pub(super) fn base64(&self, node: Node<'_, '_>) -> Result<Zeroizing<Vec<u8>>, PskcError> {
        decode_base64(node).ok_or_else(|| self.problem(node, "a value is no Base64"))
    }
}

/// Whether `node` is an element of one of these names.
pub(super) fn is_named(node: Node<'_, '_>, names: &[&str]) -> bool {
    node.is_element() && names.contains(&node.tag_name().name())
}

/// The first attribute of these names.
pub(super) fn attribute<'a>(node: Node<'a, '_>, names: &[&str]) -> Option<&'a str> {
    names.iter().find_map(|name| node.attribute(*name))
}

/// All text directly in `node`. A comment divides text without ending it.
pub(super) fn text(node: Node<'_, '_>) -> Zeroizing<String> {
    // Room for all of it at once: a string that grows leaves copies behind.
    let texts = || node.children().filter(Node::is_text).filter_map(|child| child.text());
    let mut text = Zeroizing::new(String::with_capacity(texts().map(str::len).sum()));
    for part in texts() {
        text.push_str(part);
    }
    text
}

/// The bytes that `node` holds in Base64, if it does.
pub(super) fn decode_base64(node: Node<'_, '_>) -> Option<Zeroizing<Vec<u8>>> {
    let mut text = text(node);
    text.retain(|c| !c.is_ascii_whitespace());
    BASE64.decode(text.as_bytes()).ok().map(Zeroizing::new)
}
