//! What differs between two texts, line by line.

/// A line of the difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DiffLine<'a> {
    /// In both; only near what differs.
    Same(&'a str),
    /// In the old one only.
    Old(&'a str),
    /// In the new one only.
    New(&'a str),
}

/// Lines that are shown around what differs.
const AROUND: usize = 2;

/// The lines that differ, with two around them. For files of a person's size: it takes time and room by the product of
/// both lengths.
pub fn diff<'a>(old: &'a str, new: &'a str) -> Vec<DiffLine<'a>> {
    let (old, new): (Vec<&str>, Vec<&str>) = (old.lines().collect(), new.lines().collect());
    let all = all_lines(&old, &new);
    let differs: Vec<bool> = all
        .iter()
        .map(|line| !matches!(line, DiffLine::Same(_)))
        .collect();
    let is_near = |at: usize| {
        let (from, to) = (
            at.saturating_sub(AROUND),
            (at + AROUND + 1).min(differs.len()),
        );
        differs[from..to].contains(&true)
    };
    (0..all.len())
        .filter(|at| is_near(*at))
        .map(|at| all[at])
        .collect()
}

fn all_lines<'a>(old: &[&'a str], new: &[&'a str]) -> Vec<DiffLine<'a>> {
    // The longest common part of what is left from each pair of places on.
    let mut common = vec![vec![0usize; new.len() + 1]; old.len() + 1];
    for (i, one) in old.iter().enumerate().rev() {
        for (j, other) in new.iter().enumerate().rev() {
            common[i][j] = if one == other {
                common[i + 1][j + 1] + 1
            } else {
                common[i + 1][j].max(common[i][j + 1])
            };
        }
    }
    let (mut i, mut j, mut lines) = (0, 0, Vec::new());
    while i < old.len() || j < new.len() {
        if i < old.len() && j < new.len() && old[i] == new[j] {
            lines.push(DiffLine::Same(old[i]));
            (i, j) = (i + 1, j + 1);
        } else if i < old.len() && (j == new.len() || common[i + 1][j] >= common[i][j + 1]) {
            lines.push(DiffLine::Old(old[i]));
            i += 1;
        } else {
            lines.push(DiffLine::New(new[j]));
            j += 1;
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_is_shown_with_what_is_around() {
        let (old, new) = ("a\nb\nc\nd\ne\nf\n", "a\nb\nc\nD\ne\nf\ng\n");
        let shown: Vec<String> = diff(old, new)
            .into_iter()
            .map(|line| match line {
                DiffLine::Same(line) => format!(" {line}"),
                DiffLine::Old(line) => format!("-{line}"),
                DiffLine::New(line) => format!("+{line}"),
            })
            .collect();
        assert_eq!(shown, [" b", " c", "-d", "+D", " e", " f", "+g"]);
        assert!(diff(old, old).is_empty());
        assert_eq!(diff("", "x\n"), [DiffLine::New("x")]);
    }
}
