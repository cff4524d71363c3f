package wallettest

import (
	"math"
	"math/rand/v2"
	"slices"
	"time"
)

// Apart says how far apart two ways through the code are by the time they take: Welch's t of that many
// samples, half of each, in random order after some to warm up, without the slowest hundredth of all.
// Below 4.5 nobody tells them apart. prepare does before each what does not count; way is 0 or 1.
func Apart(samples, warm int, prepare, run func(way int)) float64 {
	order := make([]int, samples)
	for i := range order {
		order[i] = i % 2
	}
	rand.Shuffle(samples, func(i, j int) { order[i], order[j] = order[j], order[i] })
	order = append(slices.Repeat([]int{0, 1}, warm), order...)
	var times [2][]float64
	for i, way := range order {
		prepare(way)
		began := time.Now()
		run(way)
		if took := time.Since(began); i >= 2*warm {
			times[way] = append(times[way], float64(took))
		}
	}
	all := slices.Sorted(slices.Values(slices.Concat(times[0], times[1])))
	most := all[len(all)*99/100]
	return math.Abs(welch(cropped(times[0], most), cropped(times[1], most)))
}

func cropped(times []float64, most float64) []float64 {
	return slices.DeleteFunc(times, func(took float64) bool { return took > most })
}

// welch is Welch's t of two samples.
func welch(a, b []float64) float64 {
	describe := func(sample []float64) (mean, variance, n float64) {
		n = float64(len(sample))
		for _, x := range sample {
			mean += x / n
		}
		for _, x := range sample {
			variance += (x - mean) * (x - mean) / (n - 1)
		}
		return mean, variance, n
	}
	meanA, varianceA, nA := describe(a)
	meanB, varianceB, nB := describe(b)
	return (meanA - meanB) / math.Sqrt(varianceA/nA+varianceB/nB)
}
