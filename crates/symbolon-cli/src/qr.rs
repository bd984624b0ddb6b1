//! QR codes in a terminal, two modules per character.

use qrcode::{EcLevel, QrCode, render::unicode::Dense1x2};

use crate::{error::Failure, exit::Exit};

const BLACK_ON_WHITE: &str = "\x1b[30;107m";
const RESET: &str = "\x1b[0m";

/// Draws the text. In a terminal the colours are set, so that dark is dark on any background;
/// elsewhere light modules are drawn, as for light text on a dark background.
pub(crate) fn draw(text: &str, terminal: bool) -> Result<String, Failure> {
    let code = QrCode::with_error_correction_level(text, EcLevel::L).map_err(|error| {
        Failure::new(
            Exit::Software,
            format!("There is no QR code for it: {error}."),
            "Type the secret of the URI into the app.",
        )
    })?;
    let (dark, light) = match terminal {
        true => (Dense1x2::Dark, Dense1x2::Light),
        false => (Dense1x2::Light, Dense1x2::Dark),
    };
    let image = code.render::<Dense1x2>().dark_color(dark).light_color(light).build();
    Ok(match terminal {
        true => image
            .lines()
            .map(|line| format!("{BLACK_ON_WHITE}{line}{RESET}"))
            .collect::<Vec<_>>()
            .join("\n"),
        false => image,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Version 1 has 21 modules a side, and 4 on each side stay empty.
    #[test]
    fn it_is_a_square_of_half_blocks() {
        let plain = draw("SYMBOLON", false).unwrap();
        let lines: Vec<_> = plain.lines().collect();
        assert_eq!(lines.len(), 15);
        assert!(lines.iter().all(|line| line.chars().count() == 29));
        assert!(plain.starts_with("\u{2588}"), "the edge is light");

        let coloured = draw("SYMBOLON", true).unwrap();
        let edge = format!("{BLACK_ON_WHITE}{}{RESET}", " ".repeat(29));
        assert_eq!(coloured.lines().next(), Some(edge.as_str()));
    }
}
