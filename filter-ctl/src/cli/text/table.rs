//! Columns that line up.

use crate::cli::sanitize;

/// To which side a column is pushed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Words.
    Left,
    /// Numbers.
    Right,
}

/// A table in the making.
#[derive(Clone, Debug)]
pub struct Table {
    sides: Vec<Side>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with these columns.
    #[must_use]
    pub fn new(columns: &[(&str, Side)]) -> Self {
        let heads = columns.iter().map(|(head, _)| (*head).to_owned()).collect();
        Self {
            sides: columns.iter().map(|(_, side)| *side).collect(),
            rows: vec![heads],
        }
    }

    /// Adds a row; outside text in it does no harm.
    pub fn row<const CELLS: usize>(&mut self, cells: [String; CELLS]) {
        debug_assert_eq!(CELLS, self.sides.len(), "a cell for each column");
        self.rows.push(
            cells
                .into_iter()
                .map(|cell| sanitize::line(&cell).into_owned())
                .collect(),
        );
    }

    /// The text, indented; nothing if there is no row.
    #[must_use]
    pub fn render(&self, indent: usize) -> String {
        if self.rows.len() == 1 {
            return String::new();
        }
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..self.sides.len()).map(width).collect();
        let mut text = String::new();
        for row in &self.rows {
            let mut line = " ".repeat(indent);
            for ((cell, side), width) in row.iter().zip(&self.sides).zip(&widths) {
                line += &match side {
                    Side::Left => format!("{cell:width$}  "),
                    Side::Right => format!("{cell:>width$}  "),
                };
            }
            text += line.trim_end();
            text.push('\n');
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_and_lines_do_not_trail() {
        let mut table = Table::new(&[
            ("NAME", Side::Left),
            ("PACKETS", Side::Right),
            ("WHY", Side::Left),
        ]);
        assert_eq!(table.render(2), "");
        table.row(["eth0".to_owned(), "1,234,567".to_owned(), String::new()]);
        table.row(["é\n".to_owned(), "7".to_owned(), "x".to_owned()]);
        let expected = "  NAME      PACKETS  WHY\n  eth0    1,234,567\n  é\\u{a}          7  x\n";
        assert_eq!(table.render(2), expected);
    }
}
