package wallet

// Actions about wallets that somebody else owns, or that change a wallet without paying anybody.
const (
	// FindWallet is looking a wallet up by what its owner is known by.
	FindWallet             Action = "find_wallet"
	FindWalletByPersonCode Action = "find_wallet_by_person_code"
	// DescribeWallet is changing what a wallet is described as.
	DescribeWallet Action = "describe_wallet"
	// CheckFunds is asking whether a wallet holds enough for an amount.
	CheckFunds Action = "check_funds"
	// CalculateConversion is asking what an amount is worth in another currency, ConvertCurrency exchanging it.
	CalculateConversion Action = "calculate_conversion"
	ConvertCurrency     Action = "convert_currency"
)

// Scopes that these actions ask for.
const (
	ScopeCheckFunds      Scope = "check_has_sufficient_balance"
	ScopeConvertCurrency Scope = "convert_currency"
	ScopeManageAccount   Scope = "manage_account"
)

// usersToken asks for an access token, whoever's it is.
var usersToken = rule{
	name:  "users_token",
	holds: func(q *question) bool { return q.Kind == ByToken },
	fact: func(q *question) string {
		if q.Kind == ByToken {
			return q.Name() + " calls"
		}
		return q.Name() + " calls with its own credentials, not with a user's access token"
	},
}

// fundsGrounds let whoever may read the balance ask whether it is enough as well.
var fundsGrounds = []rule{
	ownWallet(ScopeCheckFunds), ownWallet(ScopeBalance), walletRight(ScopeBalance),
	projectWallet(ScopeCheckFunds), projectWallet(ScopeBalance), offlineWallet(ScopeBalance),
}
