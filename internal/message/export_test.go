package message

// Carries lets tests fill every kind of message.
var Carries = carries

// Mask and SampleValues are what tests look at directly.
var (
	Mask         = mask
	SampleValues = sample
)
