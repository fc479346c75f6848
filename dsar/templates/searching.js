const begin = async () => {
  const { ITable, set_or_remove_dark_class } = await window.PROGRAM;
  set_or_remove_dark_class();
  for (const table of document.querySelectorAll(".listing-box > table.listing:not(.dataTable)"))
    new ITable(table, {
      paging: false, order: [], autoWidth: false, classes: ["compact"],
      layout: { topStart: "search", topEnd: "info", bottomStart: null, bottomEnd: null },
      language: { info: "_TOTAL_ rows", infoFiltered: "of _MAX_" },
    });
};
if (window.PROGRAM) begin(); else window.addEventListener("READY", begin, { once: true });
