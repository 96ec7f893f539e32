"use strict";
// What the page can do beyond being read: filter, search and sort. Without it nothing is missing from the page.
(() => {
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const form = document.getElementById("filter");
  const list = document.getElementById("objects");
  const status = document.getElementById("matches");
  const number = (value) => value.toLocaleString("en");
  const counted = (value, noun) => `${number(value)} ${noun}${value === 1 ? "" : "s"}`;

  // Read once: asking the page each time would take longer than a blink.
  const objects = all("article", list).map((node, place) => {
    const head = all("h3, h3 + p", node).map((part) => part.textContent).join(" ").toLowerCase();
    const findings = all("li", node).map((item) => ({
      node: item, rule: item.dataset.rule, severity: item.dataset.severity, outcome: item.dataset.outcome,
      text: `${head} ${item.textContent.toLowerCase()}`,
    }));
    const rest = `${head} ${all(".note, .notice", node).map((part) => part.textContent).join(" ").toLowerCase()}`;
    return {
      node, place, findings, rest, name: node.querySelector("h3").textContent,
      namespace: node.dataset.namespace, owner: node.dataset.owner,
    };
  });
  const total = objects.reduce((sum, each) => sum + each.findings.length, 0);

  function offer(name, values) {
    const select = form.elements[name];
    if (select) select.append(...[...new Set(values)].sort().map((value) => new Option(value || "none", value || " ")));
  }

  function wanted() {
    const chosen = Object.fromEntries(new FormData(form));
    const words = chosen.text.toLowerCase().split(/\s+/).filter(Boolean);
    const is = (asked, value) => !asked || asked === (value || " ");
    const narrow = Boolean(chosen.rule || chosen.severity || chosen.outcome);
    return {
      any: narrow || words.length > 0 || Boolean(chosen.namespace || chosen.owner),
      object: (each) => is(chosen.namespace, each.namespace) && is(chosen.owner, each.owner),
      finding: (each) => is(chosen.rule, each.rule) && is(chosen.severity, each.severity)
        && is(chosen.outcome, each.outcome) && words.every((word) => each.text.includes(word)),
      rest: (each) => !narrow && words.every((word) => each.rest.includes(word)),
    };
  }

  function filter() {
    const want = wanted();
    let findings = 0;
    let shown = 0;
    for (const each of objects) {
      let some = false;
      const here = want.object(each);
      for (const finding of each.findings) {
        const matches = here && want.finding(finding);
        finding.node.hidden = !matches;
        some ||= matches;
        findings += matches;
      }
      each.node.hidden = !(some || (here && want.rest(each)));
      shown += !each.node.hidden;
    }
    const found = want.any ? `${number(findings)} of ${counted(total, "finding")}` : counted(total, "finding");
    status.textContent = `${found} in ${counted(shown, "object")}`;
  }

  const orders = {
    worst: (a, b) => a.place - b.place,
    name: (a, b) => a.name.localeCompare(b.name, "en") || a.place - b.place,
    many: (a, b) => b.findings.length - a.findings.length || a.place - b.place,
  };

  let due = 0;
  const soon = () => {
    cancelAnimationFrame(due);
    due = requestAnimationFrame(filter);
  };

  function choose(name, value) {
    const field = form.elements[name];
    if (!field) return;
    if (!all("option", field).some((option) => option.value === value)) field.append(new Option(value, value));
    field.value = value;
  }

  function narrow(link) {
    form.reset();
    choose(link.dataset.filter, link.dataset.value || " ");
    filter();
  }

  // A link to what is filtered away shows it again.
  function reveal(target) {
    if (target && list.contains(target) && target.closest("[hidden]")) {
      form.reset();
      filter();
    }
  }

  function sortable(table) {
    const [body] = table.tBodies;
    for (const head of all("th[data-sort]", table.tHead)) {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => sort(table, body, head));
    }
  }

  function sort(table, body, head) {
    const isNumber = head.dataset.sort === "number";
    const before = head.getAttribute("aria-sort");
    const first = isNumber ? "descending" : "ascending";
    const direction = before === first ? (isNumber ? "ascending" : "descending") : first;
    const sign = direction === "ascending" ? 1 : -1;
    const value = (row) => {
      const text = row.cells[head.cellIndex].textContent.trim();
      return isNumber ? Number.parseFloat(text.replaceAll(",", "")) : text;
    };
    const compare = isNumber ? (a, b) => a - b : (a, b) => a.localeCompare(b, "en", { numeric: true });
    const rows = [...body.rows].map((row) => [value(row), row]);
    body.append(...rows.sort(([a], [b]) => sign * compare(a, b)).map(([, row]) => row));
    for (const each of all("th[aria-sort]", table.tHead)) each.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", direction);
  }

  offer("rule", objects.flatMap((each) => each.findings.map((finding) => finding.rule)));
  offer("namespace", objects.map((each) => each.namespace));
  offer("owner", objects.map((each) => each.owner));
  form.hidden = objects.length === 0;
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", () => setTimeout(() => { order(); filter(); }));
  form.addEventListener("input", soon);
  form.elements.order.addEventListener("change", order);

  function order() {
    list.append(...[...objects].sort(orders[form.elements.order.value]).map((each) => each.node));
  }

  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[href^='#']");
    if (!link) return;
    if (link.dataset.filter) narrow(link);
    else reveal(document.getElementById(link.hash.slice(1)));
  });
  all("table.sortable").forEach(sortable);

  // Print shows what is folded.
  let folded = [];
  addEventListener("beforeprint", () => {
    folded = all("details:not([open])");
    for (const each of folded) each.open = true;
  });
  addEventListener("afterprint", () => {
    for (const each of folded) each.open = false;
  });
})();
