//! HTML of the texts that this repository keeps in Markdown.
use pulldown_cmark::{Options, Parser, html::push_html};

/// Writes HTML. A table lies in a region that scrolls by itself, named `label`.
pub fn html(text: &str, label: &str) -> String {
    let mut html = String::new();
    push_html(&mut html, Parser::new_ext(text, Options::ENABLE_TABLES));
    let open = format!("<div class=\"wide\" role=\"region\" tabindex=\"0\" aria-label=\"{label}\"><table>");
    html.replace("<table>", &open).replace("</table>", "</table></div>")
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_table_scrolls_by_itself_and_words_are_escaped() {
        let html = super::html("## A < B\n\n| a | b |\n|---|---|\n| 1 | 2 |\n", "T");
        for part in ["<h2>A &lt; B</h2>", "aria-label=\"T\"><table>", "<td>2</td>", "</table></div>"] {
            assert!(html.contains(part), "{part} in {html}");
        }
    }
}
