"""How the dedup's page looks, on a screen by day and by night, on a phone and on paper, and what sorts its tables."""

from finevla_tools.clean.page import STYLE as CLEAN_STYLE

STYLE = (
    CLEAN_STYLE
    + """
:root { color-scheme: light dark; --c0: #8a9199; --c1: #0072b2; --c2: #d55e00; --c3: #00845f; --c4: #b1558c; --c5: #2f9fd6;
  --c6: #b87a00 }
body { overflow-wrap: anywhere } h3 { font-size: 1rem; margin: 1.6rem 0 .4rem } a { color: var(--c1) }
.numbers { gap: 1.2rem 2rem } .bar { background: var(--c1) }
.bar i { background: var(--rule) }
.wide { overflow-x: auto } th button { font: inherit; font-weight: 600; color: inherit; background: none; border: 0; padding: 0;
  cursor: pointer; text-align: inherit } th button::after { content: '\\00a0\\2195'; color: var(--soft) }
th[aria-sort=ascending] button::after { content: '\\00a0\\2191' }
th[aria-sort=descending] button::after { content: '\\00a0\\2193' }
td, th { overflow-wrap: normal } td.id { overflow-wrap: anywhere; min-width: 9rem } td.why { min-width: 12rem }
.group { border-top: 2px solid var(--rule); margin-top: 2.6rem } .group h2 { margin-top: 1rem }
.pictures, .clusters { display: grid; gap: 1rem; align-items: start; margin: 1rem 0 }
.pictures { grid-template-columns: repeat(auto-fit, minmax(min(100%, 26rem), 1fr)) }
.clusters { grid-template-columns: repeat(auto-fill, minmax(min(100%, 22.5rem), 1fr)) }
figcaption { min-height: 0; margin-bottom: .4rem } .narrow { width: auto } .narrow td, .narrow th { padding-right: 1.1rem }
.plain { max-width: 22rem; margin-top: 1rem }
input[type=search] { font: inherit; padding: .3rem .5rem; width: min(100%, 22rem); color: inherit; background: var(--card);
  border: 1px solid var(--rule); border-radius: 4px; margin: .4rem 0 }
.score { display: inline-block; height: .6em; background: var(--c1); margin-right: .5em; vertical-align: baseline }
svg image { image-rendering: pixelated } text { font-size: 12px } .grid { stroke: var(--rule) }
.c0 { --own: var(--c0) } .c1 { --own: var(--c1) } .c2 { --own: var(--c2) } .c3 { --own: var(--c3) } .c4 { --own: var(--c4) }
.c5 { --own: var(--c5) } .c6 { --own: var(--c6) } .fill { fill: var(--own) }
.frame { fill: none; stroke: #fff; stroke-width: 1.2 } .link { fill: none; stroke: var(--own, var(--soft)); stroke-width: 1.3 }
line.limit { stroke-width: 1.4 }
text.limit, text.name { paint-order: stroke; stroke: var(--card); stroke-width: 3px; stroke-linejoin: round }
.dot { fill: var(--own); stroke: var(--card); stroke-width: .6 } .ring { fill: none; stroke: var(--ink); stroke-width: 1.6 }
.pane { fill: var(--paper); stroke: var(--rule) } .paths text { font-size: 32px } .paths .small { font-size: 26px }
.thin { fill: none; stroke: var(--own); stroke-width: 3; stroke-opacity: .75; stroke-linejoin: round }
.thick { fill: none; stroke: var(--ink); stroke-width: 10; stroke-opacity: .32; stroke-linejoin: round; stroke-linecap: round }
.begin { fill: var(--card); stroke: var(--ink); stroke-width: 4 } .rule { stroke: var(--soft); stroke-width: 4; fill: none }
.axis { fill: none }
@media screen and (prefers-color-scheme: dark) { :root { --ink: #e4e7ea; --soft: #a3adb6; --paper: #15181b; --rule: #363c42;
  --card: #1c2024; --bad: #ff8b73; --c0: #7d858d; --c1: #56a8e0; --c2: #f0823c; --c3: #35b88d; --c4: #dd8fbd; --c5: #9bd5f5;
  --c6: #e0ae45 } }
@media (max-width: 40rem) { body { margin: 1rem auto; padding: 0 .8rem } .numbers { gap: 1.2rem }
  .numbers b { font-size: 1.5rem }
  figure { padding: .5rem } }
@media print { body { font-size: 10pt; margin: 0; max-width: none } * { print-color-adjust: exact;
  -webkit-print-color-adjust: exact } figure, tr { break-inside: avoid } h2, h3 { break-after: avoid }
  input[type=search] { display: none } th button::after { content: none !important } .wide { overflow: visible } }
"""
)

# Tables are whole and in order without it: it only makes them sortable and, if long, searchable.
SCRIPT = """
for (const table of document.querySelectorAll('table.sortable')) {
  const body = table.tBodies[0], heads = [...table.tHead.rows[0].cells], rows = [...body.rows];
  heads.forEach((head, column) => {
    const button = document.createElement('button'), isNumber = head.classList.contains('n');
    button.textContent = head.textContent;
    head.replaceChildren(button);
    const key = row => row.cells[column].textContent;
    const value = row => { const v = parseFloat(key(row).replaceAll(',', '')); return isNaN(v) ? Infinity : v };
    button.onclick = () => {
      const way = head.ariaSort === 'ascending' ? -1 : 1;
      heads.forEach(other => other.removeAttribute('aria-sort'));
      head.setAttribute('aria-sort', way > 0 ? 'ascending' : 'descending');
      const order = isNumber ? (a, b) => { const x = value(a), y = value(b); return x < y ? -1 : x > y ? 1 : 0 }
        : (a, b) => key(a).localeCompare(key(b), 'en', {numeric: true});
      rows.sort((a, b) => way * order(a, b));
      body.append(...rows);
    };
  });
  if (rows.length < 20) continue;
  const field = document.createElement('input');
  field.type = 'search';
  field.placeholder = 'show only rows with ...';
  field.ariaLabel = 'Show only rows of this table that hold these words';
  field.oninput = () => {
    const words = field.value.toLowerCase().split(' ');
    for (const row of rows) row.hidden = !words.every(word => row.textContent.toLowerCase().includes(word));
  };
  table.parentNode.before(field);
}
"""
