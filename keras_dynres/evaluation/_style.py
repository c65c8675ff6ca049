"""What the report's page is dressed in: one style sheet and a few lines of script."""

CSS = (
    """
:root{color-scheme:light dark;--bg:#fbfbf9;--panel:#fff;--ink:#1c2024;--dim:#5c656d;
--rule:#dfe2e0;--soft:#eef1ef;--mark:#b4480f;--mark-soft:#fdf1e8;--s0:#0b6e99;
--s1:#c4501b;--s2:#5b7f24;--s3:#8a4fa3;--s4:#8d6a00;--s5:#555}
@media (prefers-color-scheme:dark){:root{--bg:#14171a;--panel:#1c2024;--ink:#e6e8e9;
--dim:#a0a9b0;--rule:#343a40;--soft:#252a2f;--mark:#ff9b5e;--mark-soft:#33261d;
--s0:#5fb7de;--s1:#f08a5d;--s2:#9cc45f;--s3:#c597da;--s4:#d9b44a;--s5:#b0b0b0}}
*{box-sizing:border-box}
body{margin:0;background:var(--bg);color:var(--ink);
font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
main{max-width:62rem;margin:0 auto;padding:1.5rem 1rem 3rem}
h1{font-size:1.75rem;line-height:1.2;margin:0 0 .4rem;overflow-wrap:anywhere}
h2{font-size:1.15rem;margin:0 0 .6rem}
p{margin:.3rem 0}
.dim,.note,footer{color:var(--dim)}
.note{font-size:.9rem}
section{background:var(--panel);border:1px solid var(--rule);border-radius:.6rem;
padding:1rem;margin-top:1rem}
.chosen-box{border-color:var(--mark);background:var(--mark-soft)}
.chosen-box h2{color:var(--mark)}
.tiles{display:flex;flex-wrap:wrap;gap:.5rem 2.2rem;margin:.4rem 0 0}
.tiles div{min-width:6rem}
.tiles dt{font-size:.82rem;color:var(--dim)}
.tiles dd{margin:0;font-size:1.3rem;font-weight:600;line-height:1.3}
svg{display:block;width:100%;height:auto}
svg text{fill:var(--dim);font-size:12px}
svg .mid{text-anchor:middle}svg .end{text-anchor:end}
svg .grid{stroke:var(--rule);fill:none}svg .axis{stroke:var(--dim);fill:none}
svg .line{fill:none;stroke-width:2}
svg .front{stroke:var(--panel);stroke-width:1}
svg .beaten{opacity:.35}
svg .ring{fill:none;stroke:var(--mark);stroke-width:2.5}
svg .name{fill:var(--ink)}svg .name.chosen{fill:var(--mark);font-weight:700}
svg path.budget{stroke:var(--mark);stroke-dasharray:4 4;fill:none}
svg text.budget{fill:var(--mark)}
"""
    + "".join(
        f"svg .line.s{i}{{stroke:var(--s{i})}}svg circle.s{i}{{fill:var(--s{i})}}"
        f".key.s{i}{{background:var(--s{i})}}"
        for i in range(6)
    )
    + """
.legend{display:flex;flex-wrap:wrap;gap:.2rem 1.2rem;list-style:none;padding:0;
margin:0 0 .4rem;font-size:.9rem}
.key{display:inline-block;width:.75em;height:.75em;border-radius:50%;margin-right:.4em}
.key.faint{background:var(--s0);opacity:.35}
.scroll{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-size:.93rem;
font-variant-numeric:tabular-nums}
th,td{padding:.32rem .6rem;text-align:right;white-space:nowrap;
border-bottom:1px solid var(--rule)}
th:first-child,td:first-child{text-align:left}
thead th{vertical-align:bottom;font-weight:600;white-space:normal}
th button{font:inherit;color:inherit;background:none;border:0;padding:0;cursor:pointer;
text-align:inherit}
th button::after{content:"\\2195";opacity:.4;margin-left:.3em}
th[aria-sort=ascending] button::after{content:"\\2191";opacity:1}
th[aria-sort=descending] button::after{content:"\\2193";opacity:1}
tbody th{font-weight:400}
table.small{width:auto}
tr.on tbody th,tr.on th{font-weight:600}
tr.off td,tr.off th{color:var(--dim)}
tr.chosen td,tr.chosen th{background:var(--mark-soft);color:var(--ink)}
.tag{font-size:.78rem;font-weight:600;color:var(--mark);margin-left:.5em}
.bar{display:inline-block;width:4.5rem;height:.5rem;border-radius:.25rem;
background:linear-gradient(var(--s0),var(--s0)) 0/var(--part) 100% no-repeat
var(--soft);margin-right:.5em}
.only tr.off:not(.chosen){display:none}
dl.card{display:grid;grid-template-columns:minmax(7rem,max-content) 1fr;
gap:.25rem 1rem;margin:0}
dl.card dt{color:var(--dim)}dl.card dd{margin:0;overflow-wrap:anywhere}
dl.card dl.card{padding-left:.6rem;border-left:2px solid var(--rule)}
@media (max-width:30rem){dl.card{grid-template-columns:1fr;gap:0}
dl.card dd{margin-bottom:.5rem}}
figure{margin:0}figure img{max-width:100%;height:auto;border-radius:.3rem;
background:#fff}
:focus-visible{outline:2px solid var(--mark);outline-offset:2px}
footer{font-size:.88rem;margin-top:1.2rem}
.narrow{display:none}
@media (max-width:40rem){.bar{display:none}
tr>:first-child{position:sticky;left:0;background:var(--panel)}
.wide{display:none}.narrow{display:block}
main{padding:1rem .6rem 2rem}section{padding:.8rem .7rem}}
@media print{section{break-inside:avoid}}
"""
)

JS = """
document.querySelectorAll("table.sort").forEach(function(table){
  var heads=table.querySelectorAll("thead th"),body=table.tBodies[0];
  heads.forEach(function(head,column){
    head.querySelector("button").addEventListener("click",function(){
      var up=head.getAttribute("aria-sort")!=="ascending";
      heads.forEach(function(h){h.removeAttribute("aria-sort")});
      head.setAttribute("aria-sort",up?"ascending":"descending");
      function key(row){return row.cells[column].dataset.v}
      Array.from(body.rows).sort(function(a,b){
        var x=key(a),y=key(b);
        if(x===""||y==="")return (x==="")-(y==="");
        var d=isNaN(x)||isNaN(y)?x.localeCompare(y,undefined,{numeric:true}):x-y;
        return up?d:-d;
      }).forEach(function(row){body.appendChild(row)});
    });
  });
  var box=document.getElementById("only");
  if(box)box.addEventListener("change",function(){
    table.classList.toggle("only",box.checked)});
});
"""
