//! Headings, paragraphs and tables of Markdown, as the texts of this repository use them.
use std::fmt::Write as _;

/// Replaces the characters that mean something in HTML.
pub fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// Writes HTML of headings (`##` becomes a heading of level two), paragraphs and tables.
pub fn html(text: &str) -> String {
    let mut out = String::new();
    for block in text.split("\n\n").map(str::trim).filter(|block| !block.is_empty()) {
        if let Some(heading) = block.strip_prefix("## ") {
            let _ = writeln!(out, "<h2>{}</h2>", escaped(heading));
        } else if block.starts_with('|') {
            table(&mut out, block);
        } else {
            let _ = writeln!(out, "<p>{}</p>", escaped(block));
        }
    }
    out
}

fn table(out: &mut String, block: &str) {
    let cells = |line: &str| -> Vec<String> {
        line.trim().trim_matches('|').split('|').map(|cell| escaped(cell.trim())).collect()
    };
    let mut lines = block.lines();
    let heads = lines.next().map(cells).unwrap_or_default();
    out.push_str("<div class=\"wide\" role=\"region\" tabindex=\"0\" aria-label=\"Contradictions of the paper, a table\"><table><thead><tr>");
    for head in heads {
        let _ = write!(out, "<th scope=\"col\">{head}</th>");
    }
    out.push_str("</tr></thead><tbody>\n");
    // The second line of a table is its rule.
    for line in lines.skip(1) {
        out.push_str("<tr>");
        for (column, cell) in cells(line).into_iter().enumerate() {
            let _ =
                if column == 0 { write!(out, "<th scope=\"row\">{cell}</th>") } else { write!(out, "<td>{cell}</td>") };
        }
        out.push_str("</tr>\n");
    }
    out.push_str("</tbody></table></div>\n");
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_heading_a_paragraph_and_a_table_become_html() {
        let html = super::html("## A < B\n\nWords.\n\n| a | b |\n|---|---|\n| 1 | 2 |\n");
        for part in
            ["<h2>A &lt; B</h2>", "<p>Words.</p>", "<th scope=\"col\">b</th>", "<th scope=\"row\">1</th><td>2</td>"]
        {
            assert!(html.contains(part), "{part} in {html}");
        }
        assert!(!html.contains("---"));
    }
}
