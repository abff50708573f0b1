// Tables are whole and in order without it: it only makes them sortable and, if long, searchable.
for (const table of document.querySelectorAll('table.sortable')) {
  const body = table.tBodies[0], heads = [...table.tHead.rows[0].cells], rows = [...body.rows];
  heads.forEach((head, column) => {
    const button = document.createElement('button'), isNumber = head.classList.contains('n');
    button.textContent = head.textContent;
    head.replaceChildren(button);
    const key = row => row.cells[column].textContent;
    const value = row => { const v = parseFloat(key(row).replaceAll(',', '')); return isNaN(v) ? Infinity : v };
    button.onclick = () => {
      const direction = head.ariaSort === 'ascending' ? -1 : 1;
      heads.forEach(other => other.removeAttribute('aria-sort'));
      head.setAttribute('aria-sort', direction > 0 ? 'ascending' : 'descending');
      const compare = (a, b) => isNumber ? value(a) - value(b) || 0 : key(a).localeCompare(key(b), 'en', {numeric: true});
      rows.sort((a, b) => direction * compare(a, b));
      body.append(...rows);
    };
  });
  if (rows.length < 20) continue;
  const field = document.createElement('input');
  Object.assign(field, {type: 'search', placeholder: 'show only rows with ...',
    ariaLabel: 'Show only rows of this table that hold these words'});
  field.oninput = () => {
    const words = field.value.toLowerCase().split(' ');
    for (const row of rows) row.hidden = !words.every(word => row.textContent.toLowerCase().includes(word));
  };
  table.parentNode.before(field);
}
