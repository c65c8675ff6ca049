// The table sorts by the column whose heading is pressed; what is unknown comes last.
document.querySelectorAll("table.sort").forEach((table) => {
  const heads = table.querySelectorAll("thead th");
  const body = table.tBodies[0];

  function sort(column, rising) {
    const key = (row) => row.cells[column].dataset.v;
    const order = (first, second) => {
      const a = key(first);
      const b = key(second);
      if (a === "" || b === "") return (a === "") - (b === "");
      const words = isNaN(a) || isNaN(b);
      const sign = words ? a.localeCompare(b, undefined, { numeric: true }) : a - b;
      return rising ? sign : -sign;
    };
    Array.from(body.rows).sort(order).forEach((row) => body.appendChild(row));
  }

  heads.forEach((head, column) => {
    head.querySelector("button").addEventListener("click", () => {
      const rising = head.getAttribute("aria-sort") !== "ascending";
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", rising ? "ascending" : "descending");
      sort(column, rising);
    });
  });

  const box = document.getElementById("only");
  box.addEventListener("change", () => table.classList.toggle("only", box.checked));
});
