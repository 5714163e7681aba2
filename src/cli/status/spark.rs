//! A line of small bars: how power went, in a row of characters. Pure.

use crate::cli::paint::Glyphs;

const BLOCKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
const ASCII: [char; 8] = ['_', '.', ':', '-', '=', '+', '*', '#'];

/// A bar for each value, from zero to the highest of them; a blank where it is not known. `width`: bars at most; of more values
/// each bar is the mean of those it stands for.
pub(super) fn spark(values: &[Option<f64>], width: usize, glyphs: Glyphs) -> String {
    let each = values.len().div_ceil(width.max(1)).max(1);
    let bars: Vec<Option<f64>> = values.chunks(each).map(mean).collect();
    let most = bars
        .iter()
        .flatten()
        .fold(0.0, |most: f64, bar| most.max(*bar));
    let of_bar = |bar: &Option<f64>| {
        let Some(bar) = bar else {
            return ' ';
        };
        let share = if most > 0.0 { bar / most } else { 0.0 };
        let levels = if glyphs.is_utf8 { BLOCKS } else { ASCII };
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "0 to 7"
        )]
        let level = (share.clamp(0.0, 1.0) * 7.0).round() as usize;
        levels[level]
    };
    bars.iter().map(of_bar).collect()
}

fn mean(values: &[Option<f64>]) -> Option<f64> {
    let known: Vec<f64> = values.iter().flatten().copied().collect();
    (!known.is_empty()).then(|| known.iter().sum::<f64>() / known.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    const UTF8: Glyphs = Glyphs { is_utf8: true };
    const PLAIN: Glyphs = Glyphs { is_utf8: false };

    #[test]
    fn bars_go_from_zero_to_the_highest() {
        let values = [Some(0.0), Some(350.0), None, Some(700.0)];
        assert_eq!(spark(&values, 60, UTF8), "▁▅ █");
        assert_eq!(spark(&values, 60, PLAIN), "_= #");
        assert_eq!(spark(&[Some(0.0); 3], 60, UTF8), "▁▁▁");
        assert_eq!(spark(&[None], 60, UTF8), " ");
        assert_eq!(spark(&[], 60, UTF8), "");
    }

    #[test]
    fn a_narrow_line_shows_means() {
        let values = [Some(0.0), Some(200.0), Some(100.0), None, None, None];
        assert_eq!(spark(&values, 3, UTF8), "██ ");
        assert_eq!(spark(&values, 0, UTF8).chars().count(), 1);
    }
}
