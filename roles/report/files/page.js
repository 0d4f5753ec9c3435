/*
Copyright (c) 2026, the gpufleet.openstack authors
GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
SPDX-License-Identifier: GPL-3.0-or-later
*/


// Names come from the cloud and may hold anything: they reach the page as text nodes or
// on a canvas, and never as markup.
const { overview, consumers, heatmap, sources, minCoverage } = JSON.parse(
  document.getElementById("data").textContent
);
const METRICS = { power: "Power", temperature: "Temperature", utilization: "Utilization" };
const CIVIDIS = ["#00224e", "#35456c", "#666970", "#948e77", "#c8b866", "#fee838"];
const DARK = window.matchMedia("(prefers-color-scheme: dark)");
const ROW = 16;

function element(tag, attributes, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    made.setAttribute(name, value);
  }
  made.append(...children);
  return made;
}

function shown(value) {
  return value === null || value === undefined || value === "" ? "unknown" : String(value);
}

function percent(rate) {
  return rate === null ? "unknown" : `${Math.round(rate * 1000) / 10} %`;
}

// Tiles ---------------------------------------------------------------------

function tile(name, value, more, kind) {
  return element(
    "div",
    { class: "tile" },
    element("div", { class: "name" }, name),
    element("div", { class: `value ${kind || ""}` }, value),
    element("div", { class: "more" }, more)
  );
}

// Green is what somebody has looked at, and nothing that nobody has.
const SEEN = overview.totalNodes > 0 && (overview.coverage ?? 0) >= minCoverage;

function health() {
  if (overview.faultyNodes) return "bad";
  return SEEN ? "good" : "unseen";
}

function tiles() {
  const o = overview;
  const storage = o.storageStat;
  const rdma = o.rdmaClusterStat;
  document.getElementById("tiles").append(
    tile(
      "Nodes",
      o.totalNodes ? `${o.healthyNodes} of ${o.totalNodes} healthy` : "no nodes",
      `${o.faultyNodes} faulty, ${o.maintenanceNodes} in maintenance` +
        (SEEN ? "" : `, ${percent(o.coverage)} of the devices measured`),
      health()
    ),
    tile(
      "Healthy nodes",
      `${o.busyNodes} busy`,
      `${o.partiallyIdleNodes} partly in use, ${o.fullyIdleNodes} idle, ` +
        `${o.unknownNodes} unknown`
    ),
    tile(
      "Devices",
      `${shown(o.allocatedGpus)} of ${shown(o.totalGpus)} in use`,
      `${shown(o.idleGpus)} idle, ${shown(o.faultyGpus)} faulty, ` +
        `${shown(o.maintenanceGpus)} in maintenance, ${shown(o.unknownGpus)} unknown`
    ),
    tile("In use", percent(o.allocationRate), "of the devices that can be"),
    tile("Busy while in use", percent(o.utilization), "mean of the devices in use"),
    tile(
      "Devices waited for",
      shown(o.pendingGpus),
      `${shown(o.largestIdleBlock)} whole ones are idle on one node`
    ),
    tile(
      "Storage in use",
      percent(storage.utilizationRate),
      storage.totalCapacity === null
        ? "no source tells"
        : `${shown(storage.usedCapacity)} of ${storage.totalCapacity}`
    ),
    tile(
      "Active RDMA ports",
      rdma.totalPorts === null ? "unknown" : `${rdma.activePorts} of ${rdma.totalPorts}`,
      rdma.activePorts
        ? `${shown(rdma.bandwidth)} each, ${shown(rdma.totalBandwidthGbps)} Gbit/s in all`
        : "none is known to be active"
    ),
    tile(
      "Measured",
      percent(o.coverage),
      "of the devices, their utilization",
      SEEN ? "good" : "unseen"
    )
  );
}

// Tables --------------------------------------------------------------------

function compare(a, b) {
  // What is unknown comes last in any order.
  const missing = (a === null) - (b === null);
  if (missing || a === null) return { missing, order: 0 };
  const numbers = typeof a === "number" && typeof b === "number";
  return { missing: 0, order: numbers ? a - b : String(a).localeCompare(String(b)) };
}

function table(id, columns, rows) {
  const place = document.getElementById(id);
  const body = element("tbody");
  const heads = columns.map((column, index) => {
    const button = element("button", { type: "button" }, column.name);
    const head = element("th", column.number ? { class: "number" } : {}, button);
    button.addEventListener("click", () => sort(index));
    return head;
  });
  const lines = rows.map((row) => {
    const values = columns.map((column) => column.value(row) ?? null);
    const cells = values.map((value, index) =>
      element("td", columns[index].number ? { class: "number" } : {}, shown(value))
    );
    const line = element("tr", {}, ...cells);
    return { values, line, text: values.join("\n").toLowerCase() };
  });

  function sort(index) {
    const up = heads[index].getAttribute("aria-sort") !== "ascending";
    heads.forEach((head) => head.removeAttribute("aria-sort"));
    heads[index].setAttribute("aria-sort", up ? "ascending" : "descending");
    lines.sort((a, b) => {
      const { missing, order } = compare(a.values[index], b.values[index]);
      return missing || (up ? order : -order);
    });
    body.append(...lines.map((one) => one.line));
  }

  body.append(...lines.map((one) => one.line));
  place.append(element("table", {}, element("thead", {}, element("tr", {}, ...heads)), body));
  return (word) => {
    for (const one of lines) one.line.hidden = !one.text.includes(word.toLowerCase());
  };
}

function tables() {
  const search = table(
    "consumers",
    [
      { name: "Devices", number: true, value: (row) => row.stat.gpuEquivalent },
      {
        name: "Busy, %",
        number: true,
        value: ({ stat }) =>
          stat.gpuUtilization === null ? null : Math.round(stat.gpuUtilization * 1000) / 10,
      },
      { name: "Kind", value: (row) => row.kind },
      { name: "Name", value: (row) => row.name },
      { name: "Namespace", value: (row) => row.namespace },
      { name: "User", value: (row) => row.user },
      { name: "Account", value: (row) => row.account },
      { name: "Cluster", value: (row) => row.cluster },
      { name: "Source", value: (row) => row.source },
    ],
    consumers.data
  );
  document.getElementById("search").addEventListener("input", (event) => {
    search(event.target.value);
  });
  document.getElementById("consumers-count").textContent =
    `${consumers.data.length} of ${consumers.total}, those of most devices`;
  if (overview.faults.length) {
    table(
      "faults",
      [
        { name: "Node", value: (row) => row.node },
        { name: "Cluster", value: (row) => row.cluster },
        { name: "Device", value: (row) => row.device ?? "all" },
        { name: "What was seen", value: (row) => row.evidence },
        { name: "Since", value: (row) => row.since },
        { name: "What to do", value: (row) => row.action },
        { name: "Rule", value: (row) => row.rule },
      ],
      overview.faults
    );
  } else {
    document
      .getElementById("faults")
      .append(
        SEEN
          ? element("p", { class: "good" }, "None.")
          : element("p", { class: "unseen" }, "None is known, but not enough is measured.")
      );
  }
  const warnings = document.getElementById("warnings");
  warnings.hidden = !overview.warnings.length;
  warnings.append(
    element("ul", {}, ...overview.warnings.map((text) => element("li", {}, text)))
  );
}

// Charts --------------------------------------------------------------------

const drawn = [];

function plain(text) {
  // ECharts keeps the width of each line in an object, by the line. With a space of no
  // width before it, none is a name that objects have themselves, such as __proto__.
  return `\u200b${text.replace(/[\n\r]/g, " ")}`;
}

function shortened(name) {
  // Names of nodes differ at their ends: the middle goes.
  return name.length > 27 ? `${name.slice(0, 12)}\u2026${name.slice(-14)}` : name;
}

function tip(nodeName, device, gpuModel, value, unit) {
  // ECharts would take a text for markup.
  return element(
    "div",
    {},
    element("b", {}, nodeName),
    element("div", {}, `device ${device}, ${shown(gpuModel)}`),
    element("div", {}, `${value} ${unit}`)
  );
}

function chart(place, height, option) {
  place.style.height = `${height}px`;
  const made = echarts.init(place, DARK.matches ? "dark" : null);
  made.setOption({
    backgroundColor: "transparent",
    animation: false,
    aria: { enabled: true },
    ...option,
  });
  drawn.push(made);
}

function matrix(metric, place) {
  const { matrix: nodes, unit, yAxisMin, yAxisMax } = heatmap[metric];
  const most = Math.max(1, ...nodes.map((node) => node.values.length));
  const data = nodes.flatMap((node, x) =>
    node.values.flatMap((value, y) => (value === null ? [] : [[x, y, value]]))
  );
  const zoomed = nodes.length > 40;
  chart(place, 84 + ROW * Math.max(most, 4) + (zoomed ? 40 : 0), {
    grid: {
      left: 60,
      right: 20,
      top: 54,
      bottom: zoomed ? 70 : 30,
      show: true,
      backgroundColor: DARK.matches ? "#4a545f" : "#d3d7dc",
      borderWidth: 0,
    },
    tooltip: {
      formatter: ({ value: [x, y, value] }) =>
        tip(nodes[x].nodeName, y, nodes[x].gpuModel, value, unit),
    },
    xAxis: {
      type: "category",
      data: nodes.map((node) => plain(shortened(node.nodeName))),
      axisLabel: { hideOverlap: true, alignMinLabel: "left" },
    },
    yAxis: {
      type: "category",
      name: "device",
      data: [...Array(most).keys()].map(String),
    },
    visualMap: {
      min: yAxisMin,
      max: yAxisMax,
      calculable: true,
      orient: "horizontal",
      right: 20,
      top: 0,
      itemWidth: 14,
      formatter: (value) => plain(`${Math.round(value)} ${unit}`),
      inRange: { color: CIVIDIS },
    },
    dataZoom: zoomed ? [{ type: "slider", bottom: 8 }, { type: "inside" }] : [],
    series: [
      {
        type: "heatmap",
        data,
        // All at once: what is not drawn yet would look unknown.
        progressive: 0,
        emphasis: { itemStyle: { borderColor: "#fff", borderWidth: 2 } },
      },
    ],
  });
}

function top(metric, place) {
  const { data, unit, yAxisMin, yAxisMax } = heatmap[metric];
  chart(place, 50 + 26 * Math.max(data.length, 1), {
    grid: { left: 200, right: 60, top: 6, bottom: 26 },
    tooltip: {
      formatter: ({ dataIndex }) => {
        const one = data[dataIndex];
        return tip(one.nodeName, one.deviceId, one.gpuModel, one.value, unit);
      },
    },
    xAxis: { type: "value", min: yAxisMin, max: yAxisMax },
    yAxis: {
      type: "category",
      inverse: true,
      data: data.map((one) => plain(shortened(`${one.nodeName} / ${one.deviceId}`))),
      axisLabel: { width: 185, overflow: "truncate" },
    },
    series: [
      {
        type: "bar",
        data: data.map((one) => one.value),
        itemStyle: { color: DARK.matches ? "#56b4e9" : "#0072b2" },
        label: {
          show: true,
          position: "right",
          formatter: ({ value }) => plain(`${value} ${unit}`),
        },
      },
    ],
  });
}

function charts() {
  for (const made of drawn.splice(0)) made.dispose();
  for (const metric of Object.keys(METRICS)) {
    matrix(metric, document.getElementById(`matrix-${metric}`));
    top(metric, document.getElementById(`top-${metric}`));
  }
}

document.getElementById("made").textContent =
  `Made ${overview.generatedAt} from ${sources.join(", ")}.`;
tiles();
tables();
charts();
DARK.addEventListener("change", charts);
window.addEventListener("resize", () => drawn.forEach((made) => made.resize()));
document.documentElement.dataset.ready = String(Math.round(performance.now()));
