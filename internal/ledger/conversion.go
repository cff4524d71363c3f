package ledger

// Conversion stands for the operator as who exchanges money: what a wallet gives in one currency goes
// there, and what it gets in another comes from there. Differences of rounding stay there (decisions.md 12).
const Conversion Purpose = "conversion"
