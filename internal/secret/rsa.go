package secret

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
)

// rsaBits is the size of signing keys: what receivers of callbacks have read since 2012.
const rsaBits = 2048

// The types of PEM blocks: a private key in PKCS #8, and a public one as OpenSSL reads and writes it.
const (
	privateBlock = "PRIVATE KEY"
	publicBlock  = "PUBLIC KEY"
)

// NewRSAKey makes a key to sign with (RSA), as PEM.
func NewRSAKey() (Text, error) {
	key, err := rsa.GenerateKey(Reader, rsaBits)
	if err != nil {
		return "", err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return "", err
	}
	return Text(pem.EncodeToMemory(&pem.Block{Type: privateBlock, Bytes: der})), nil
}

// ParseRSAKey reads the first key of a text of PEM blocks.
func ParseRSAKey(text Text) (*rsa.PrivateKey, error) {
	block, _ := pem.Decode([]byte(text.Reveal()))
	if block == nil || block.Type != privateBlock {
		return nil, errors.New("secret: the text holds no private key")
	}
	return parseRSA(block)
}

func parseRSA(block *pem.Block) (*rsa.PrivateKey, error) {
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, errors.New("secret: the private key cannot be read") // the cause may say what is in it
	}
	key, ok := parsed.(*rsa.PrivateKey)
	if !ok {
		return nil, errors.New("secret: the private key is not one of RSA")
	}
	return key, nil
}

// PublicRSAKeys are the public keys of the private ones in a text of PEM blocks, as PEM, in their order.
func PublicRSAKeys(text Text) ([]byte, error) {
	var public []byte
	for rest := []byte(text.Reveal()); ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			return public, nil
		}
		key, err := parseRSA(block)
		if err != nil {
			return nil, err
		}
		der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
		if err != nil {
			return nil, err
		}
		public = append(public, pem.EncodeToMemory(&pem.Block{Type: publicBlock, Bytes: der})...)
	}
}

// FirstBlock is the first of the PEM blocks in a text.
func FirstBlock(text Text) Text {
	block, _ := pem.Decode([]byte(text.Reveal()))
	if block == nil {
		return ""
	}
	return Text(pem.EncodeToMemory(block))
}
