//! The report to an authority: a page in English or Vietnamese, or a table.
//!
//! Times are in UTC, as everywhere.

use jiff::Timestamp;

use super::{number, time};
use crate::{
    cli::sanitize,
    http::wire::{OrderReport, ReportItem},
    order::Direction,
};

/// The language of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// English.
    English,
    /// Vietnamese, in the terms of official letters.
    Vietnamese,
}

impl Language {
    /// One of two texts.
    const fn say(self, english: &'static str, vietnamese: &'static str) -> &'static str {
        match self {
            Self::English => english,
            Self::Vietnamese => vietnamese,
        }
    }

    /// The name of a kind or status; one that is not known stays as it is.
    fn term(self, term: &str) -> &str {
        match term {
            "address" => self.say("address", "địa chỉ IP"),
            "domain" => self.say("host name", "tên miền"),
            "url" => self.say("URL", "đường dẫn URL"),
            "hash" => self.say("hash", "mã băm"),
            "email" => self.say("mail address", "địa chỉ thư điện tử"),
            "other" => self.say("other", "khác"),
            "enforced" => self.say("blocked", "đã ngăn chặn"),
            "monitored" => self.say("monitored only", "chỉ giám sát"),
            "partial" => self.say("blocked in part", "ngăn chặn một phần"),
            "refused" => self.say("refused", "từ chối"),
            "withdrawn" => self.say("withdrawn", "đã thu hồi"),
            "paused" => self.say("waits: its feed is paused", "đang chờ: nguồn tạm dừng"),
            "held" => self.say("waits for an approval", "đang chờ phê duyệt"),
            "ended" => self.say("ended", "đã hết hiệu lực"),
            "not_enforceable" => self.say("not enforceable", "không thể thực hiện"),
            "never_block" => self.say("on the never-block list", "thuộc danh sách không được chặn"),
            "own_space" => self.say("own space", "địa chỉ của nhà mạng hoặc khách hàng"),
            "short_prefix" => self.say("a wide prefix", "dải địa chỉ rộng"),
            "shared_infrastructure" => self.say("shared infrastructure", "hạ tầng dùng chung"),
            "rejected" => self.say("by the operator", "theo quyết định của nhà mạng"),
            "no_until" => self.say("no end was given", "không có thời hạn"),
            "expired" => self.say("its end had passed", "đã quá thời hạn"),
            "until_too_far" => self.say("its end is too far away", "thời hạn quá dài"),
            "prefix_too_short" => self.say("the prefix is too short", "dải địa chỉ quá rộng"),
            "family_out_of_scope" => self.say("outside the scope", "ngoài phạm vi cho phép"),
            "overlap_limit" => self.say("too many overlaps", "chồng lấn quá giới hạn"),
            "no_address" => self.say("not an IP address", "không phải địa chỉ IP"),
            other => other,
        }
    }
}

/// Where an item stands. All that is not known to be dropped, or to be no address, is not blocked.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Section {
    Blocked,
    NotBlocked,
    NotEnforceable,
}

impl Section {
    fn of(item: &ReportItem) -> Self {
        match item.status.as_str() {
            "enforced" | "partial" => Self::Blocked,
            "not_enforceable" => Self::NotEnforceable,
            _ => Self::NotBlocked,
        }
    }
}

/// The page.
#[must_use]
pub fn text(report: &OrderReport, language: Language) -> String {
    let say = |english, vietnamese| language.say(english, vietnamese);
    let title = say(
        "REPORT ON THE EXECUTION OF A BLOCKING ORDER",
        "BÁO CÁO KẾT QUẢ THỰC HIỆN YÊU CẦU NGĂN CHẶN",
    );
    let mut text = format!("{title}\n\n");
    let mut lines = vec![
        (say("Issued by", "Cơ quan ban hành"), report.issuer.clone()),
        (say("Number", "Số văn bản"), report.reference.clone()),
    ];
    lines.extend(letter_lines(report, language));
    let met = report.deadline_met.map(|met| {
        if met && report.items.iter().any(is_open) {
            say("in part", "đúng hạn một phần")
        } else if met {
            say("yes", "đúng hạn")
        } else {
            say("NO", "QUÁ HẠN")
        }
    });
    let number_of = |value: Option<u64>| value.map_or_else(String::new, |n| n.to_string());
    // What first enforced a letter; what has come since says nothing of it.
    let enforced = report.letter.as_ref().and_then(|letter| letter.enforced);
    lines.extend([
        (say("Legal basis", "Căn cứ pháp lý"), report.basis.clone()),
        (say("Reason", "Lý do"), report.reason.clone()),
        (say("In force since", "Hiệu lực từ"), moment(report.since)),
        (say("In force until", "Hiệu lực đến"), moment(report.until)),
        (
            say("Enforced in time", "Thực hiện đúng hạn"),
            met.unwrap_or_default().to_owned(),
        ),
        (
            say("Packets dropped", "Số gói tin đã chặn"),
            number(report.dropped.packets),
        ),
        (
            say("Bytes dropped", "Số byte đã chặn"),
            number(report.dropped.bytes),
        ),
        (
            say("Rule generation", "Phiên bản tập luật"),
            number_of(enforced.map(|enforced| enforced.generation)),
        ),
        (
            say("Audit record", "Bản ghi nhật ký"),
            number_of(enforced.and_then(|enforced| enforced.record)),
        ),
        (
            say("Report made at", "Thời điểm lập báo cáo"),
            time(report.at),
        ),
    ]);
    let nothing = match report.not_dropping.as_deref() {
        None => "",
        Some("kill_switch") => say(
            "NOTHING IS BLOCKED at the moment: the kill switch is on",
            "HIỆN KHÔNG NGĂN CHẶN: hệ thống lọc đang tắt khẩn cấp",
        ),
        Some(_) => say(
            "NOTHING IS BLOCKED at the moment: no interface enforces",
            "HIỆN KHÔNG NGĂN CHẶN: không giao diện nào đang lọc",
        ),
    };
    lines.push((say("Filtering", "Trạng thái lọc"), nothing.to_owned()));
    lines.retain(|(_, value)| !value.is_empty());
    let width = lines.iter().map(|(name, _)| name.chars().count()).max();
    for (name, value) in &lines {
        let padding = " ".repeat(width.unwrap_or(0) - name.chars().count());
        text += &format!("{name}:{padding} {}\n", sanitize::line(value));
    }
    let sections = [
        (say("Blocked", "Đã thực hiện ngăn chặn"), Section::Blocked),
        (
            say("Not blocked", "Chưa hoặc không ngăn chặn"),
            Section::NotBlocked,
        ),
        (
            say(
                "Not enforceable by address",
                "Không thể ngăn chặn theo địa chỉ IP",
            ),
            Section::NotEnforceable,
        ),
    ];
    for (title, section) in sections {
        let items = report.items.iter();
        let items = items.filter(|item| Section::of(item) == section);
        let items: Vec<&ReportItem> = items.collect();
        text += &format!("\n{title}: {}\n", number(items.len() as u64));
        for (index, item) in items.into_iter().enumerate() {
            text += &format!("  {}. {}\n", index + 1, item_line(item, language));
        }
    }
    let more = report.letter.as_ref().map_or(0, |l| l.not_enforceable_more);
    if more > 0 {
        let further = say("further ones, not kept", "mục khác, không lưu chi tiết");
        text += &format!("  + {} {further}\n", number(more));
    }
    text
}

/// Whether an address that was asked for is neither blocked nor decided against.
fn is_open(item: &ReportItem) -> bool {
    matches!(item.status.as_str(), "held" | "monitored" | "paused")
}

fn letter_lines(report: &OrderReport, language: Language) -> Vec<(&'static str, String)> {
    let say = |english, vietnamese| language.say(english, vietnamese);
    let Some(letter) = &report.letter else {
        return Vec::new();
    };
    let date = letter.date.map(|date| match language {
        Language::English => date.to_string(),
        Language::Vietnamese => date.strftime("%d/%m/%Y").to_string(),
    });
    let after = report.enforced_after_ms.map(|milliseconds| {
        let (seconds, rest) = (milliseconds / 1000, milliseconds % 1000);
        format!("{seconds}.{rest:03} s")
    });
    vec![
        (say("Dated", "Ngày văn bản"), date.unwrap_or_default()),
        (
            say("Entered", "Thời điểm tiếp nhận"),
            time(letter.entered_at),
        ),
        (say("Entered by", "Người nhập"), letter.entered_by.clone()),
        (
            say("First enforced", "Thời điểm thực hiện"),
            moment(letter.enforced.map(|enforced| enforced.at)),
        ),
        (
            say("Time to enforce", "Thời gian thực hiện"),
            after.unwrap_or_default(),
        ),
        (
            say("Report due", "Thời hạn báo cáo"),
            moment(letter.deadline),
        ),
        (
            say("Report sent", "Đã gửi báo cáo"),
            moment(letter.report_sent_at),
        ),
    ]
}

fn item_line(item: &ReportItem, language: Language) -> String {
    let packets = match packets(item, language) {
        text if text.is_empty() => text,
        text => format!("; {text}"),
    };
    let mut text = format!(
        "{} ({}{packets}): {}",
        sanitize::line(&item.item),
        language.term(&item.kind),
        language.term(&item.status)
    );
    if let Some(reason) = &item.reason {
        text += &format!(", {}", language.term(reason));
    }
    if let (Some(since), Some(until)) = (item.since, item.until) {
        let (from, to) = (language.say("from", "từ"), language.say("to", "đến"));
        text += &format!(", {from} {} {to} {}", time(since), time(until));
    }
    text
}

/// Which packets of an address are meant; empty for all of them.
fn packets(item: &ReportItem, language: Language) -> String {
    let direction = item.dir.and_then(|direction| match direction {
        Direction::From => Some(language.say("from it", "từ địa chỉ này")),
        Direction::To => Some(language.say("to it", "đến địa chỉ này")),
        Direction::Both => None,
    });
    let ports = (!item.ports.is_empty())
        .then(|| format!("{} {}", language.say("ports", "cổng"), item.ports.join(" ")));
    let said = [direction.map(str::to_owned), item.proto.clone(), ports];
    said.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

fn moment(at: Option<Timestamp>) -> String {
    at.map_or_else(String::new, time)
}

/// The table, as RFC 4180 has it: a row for each thing asked for. What a spreadsheet would take for a formula
/// begins with an apostrophe.
#[must_use]
pub fn csv(report: &OrderReport, language: Language) -> String {
    let say = |english, vietnamese| language.say(english, vietnamese);
    let mut text = row(&[
        say("reference", "Số văn bản"),
        say("issuer", "Cơ quan ban hành"),
        say("kind", "Loại"),
        say("item", "Nội dung"),
        say("status", "Kết quả"),
        say("reason", "Lý do"),
        say("since", "Hiệu lực từ"),
        say("until", "Hiệu lực đến"),
        say("packets", "Lưu lượng"),
    ]);
    let rfc3339 = |at: Option<Timestamp>| at.map_or_else(String::new, |at| at.to_string());
    for item in &report.items {
        text += &row(&[
            &report.reference,
            &report.issuer,
            language.term(&item.kind),
            &item.item,
            language.term(&item.status),
            language.term(item.reason.as_deref().unwrap_or("")),
            &rfc3339(item.since),
            &rfc3339(item.until),
            &packets(item, language),
        ]);
    }
    text
}

fn row(cells: &[&str]) -> String {
    let cells: Vec<String> = cells.iter().map(|cell| self::cell(cell)).collect();
    cells.join(",") + "\r\n"
}

fn cell(text: &str) -> String {
    let mut cell = sanitize::line(text).into_owned();
    if cell.starts_with(['=', '+', '-', '@']) {
        cell.insert(0, '\'');
    }
    if cell.contains([',', '"', ' ', '\'', ';']) {
        cell = format!("\"{}\"", cell.replace('"', "\"\""));
    }
    cell
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{daemon::letters::report, http::samples};

    fn sample() -> OrderReport {
        report(
            samples::order_detail(),
            Some(42),
            Some(7),
            None,
            samples::time("2026-11-25T08:00:00Z"),
        )
    }

    #[test]
    fn both_languages_say_what_was_done_and_what_was_not() {
        let english = text(&sample(), Language::English);
        assert!(
            english.contains(
                "203.0.113.0/24 (address; to it, tcp, ports 443 8000-8010): blocked, from"
            ),
            "{english}"
        );
        assert!(
            english.contains("192.0.2.0/24 (address): refused, on the never-block list"),
            "{english}"
        );
        let vietnamese = text(&sample(), Language::Vietnamese);
        for words in [
            "BÁO CÁO KẾT QUẢ THỰC HIỆN YÊU CẦU NGĂN CHẶN",
            "Cơ quan ban hành:",
            "Số văn bản:",
            "Căn cứ pháp lý:",
            "192.0.2.0/24 (địa chỉ IP): từ chối, thuộc danh sách không được chặn",
        ] {
            assert!(vietnamese.contains(words), "{words}\n{vietnamese}");
        }
    }

    #[test]
    fn every_item_stands_in_one_section_whatever_became_of_it() {
        let statuses = [
            ("enforced", "own_space"),
            ("partial", "short_prefix"),
            ("monitored", "shared_infrastructure"),
            ("held", "own_space"),
            ("refused", "rejected"),
            ("withdrawn", "never_block"),
            ("ended", "expired"),
            ("not_enforceable", "no_address"),
            ("what nobody knows yet", "no_until"),
        ];
        let mut report = sample();
        let one = report.items[0].clone();
        let item = |(number, (status, reason)): (usize, &(&str, &str))| ReportItem {
            item: format!("203.0.113.{number}"),
            status: (*status).to_owned(),
            reason: Some((*reason).to_owned()),
            ..one.clone()
        };
        report.items = statuses.iter().enumerate().map(item).collect();
        for language in [Language::English, Language::Vietnamese] {
            let text = text(&report, language);
            for item in &report.items {
                assert_eq!(text.matches(&item.item).count(), 1, "{}\n{text}", item.item);
            }
            for raw in ["held", "rejected", "_space", "_prefix", "_infrastructure"] {
                assert!(!text.contains(raw), "{raw}\n{text}");
            }
        }
        let english = text(&report, Language::English);
        assert!(english.contains("\nBlocked: 2\n"), "{english}");
        assert!(english.contains("\nNot blocked: 6\n"), "{english}");
    }

    #[test]
    fn outside_text_neither_moves_the_cursor_nor_makes_a_line() {
        let mut report = sample();
        report.issuer = "CERT\u{1b}[2J\nNumber: forged".to_owned();
        let text = text(&report, Language::English);
        assert!(!text.contains('\u{1b}'));
        assert!(!text.lines().any(|line| line.starts_with("Number: forged")));
    }

    proptest! {
        #[test]
        fn no_cell_is_a_formula_or_breaks_its_row(text in "[=+@,\"\r\n\ta-c;' -]{0,12}") {
            let cell = cell(&text);
            let inner = cell.strip_prefix('"').unwrap_or(&cell);
            prop_assert!(!inner.starts_with(['=', '+', '-', '@']), "{cell}");
            prop_assert!(!cell.contains(['\r', '\n']));
            let quoted = cell.starts_with('"');
            prop_assert_eq!(quoted, cell.ends_with('"') && cell.len() > 1);
            if quoted {
                let inner = &cell[1..cell.len() - 1];
                prop_assert!(!inner.replace("\"\"", "").contains('"'), "{}", cell);
            } else {
                prop_assert!(!cell.contains([',', '"']), "{}", cell);
            }
        }
    }
}
