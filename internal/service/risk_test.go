package service

import "testing"

// What others would guess is refused, however it is spelled; several words are not, nor is what is in no list.
func TestRiskyPasswords(t *testing.T) {
	personal := []string{"Ona", "Petraitytė", "ona.petraityte@example.com", "37060001234"}
	for _, password := range []string{
		"", "password", "Password1", "p@ssw0rd", "password1", "12345678", "qwertyuiop", "asdfghjkl", "zxcvbnm1", "abcdefgh", "87654321",
		"aaaaaaaa", "abcabcabc", "iloveyou", "Football1", "sunshine12", "michael1985", "ona.petraityte@example.com", "Petraityte1",
		"37060001234", "onaona123", "letmein!!", "dragon2020", "necessary", "PASSWORD",
	} {
		if !risky(password, personal) {
			t.Errorf("%q is not risky: it takes 10^%.1f guesses", password, guesses(password, personal))
		}
	}
	for _, password := range []string{
		"correct horse battery staple", "kXq7vPz2", "onos-kepykla-Vilniuje", "johns-password-is-long", "vakar lijo visą dieną", "T7w-mmQ91x", "žąsų pulkas", "İİİstanbulda kış",
	} {
		if risky(password, personal) {
			t.Errorf("%q is risky: it takes 10^%.1f guesses", password, guesses(password, personal))
		}
	}
}
