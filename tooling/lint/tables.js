/** The names of rows in the tables of tasks and of model families. */
const rows = new Set(["classify", "detect", "read", "vit", "bit"])

const message = (name) =>
  `"${name}" names a row of a table (tasks or families): ask the row for what differs instead of comparing its name`

/** The name of a variable, or of the last property of `a.b.c`. */
const nameOf = (node) => (node.type === "MemberExpression" ? node.property.name : node.name) ?? ""

/** Refuses code outside the tables that distinguishes tasks or model families by their names or fields. */
const noRowComparison = {
  create(context) {
    const check = (node) => {
      if (node?.type === "Literal" && rows.has(node.value)) context.report({ node, message: message(node.value) })
    }
    return {
      BinaryExpression(node) {
        // The access modes of WGSL also include "read".
        const compares = /^[!=]==?$/.test(node.operator) && nameOf(node.left) !== "access"
        if (compares) for (const side of [node.left, node.right]) check(side)
        if (node.operator === "in" && node.left.type === "Literal" && /config$/i.test(nameOf(node.right)))
          context.report({ node, message: "fields do not tell model families apart: ask the family's row" })
      },
      SwitchCase: ({ test }) => check(test),
    }
  },
}

export default { meta: { name: "vitrine" }, rules: { "no-row-comparison": noRowComparison } }
