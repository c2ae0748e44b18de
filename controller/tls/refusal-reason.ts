/**
 * Why a peer was turned away before it could say anything, in words for whoever runs that peer: a row per reason of
 * OpenSSL or Node. Neighbours: listener.ts, ../../southbound/wire/secure.ts.
 */

/** Found in the reason -> what it mostly means. The first row that fits. */
const rows: readonly (readonly [reason: RegExp, meaning: string])[] = [
  [/CERT_HAS_EXPIRED/, 'it has expired, or a CA above it has'],
  [/CERT_NOT_YET_VALID/, 'it is not valid yet, or one of the two clocks is wrong'],
  [
    /UNABLE_TO_GET_ISSUER|UNABLE_TO_VERIFY_LEAF|SELF_SIGNED/,
    'no CA in our --tls-ca has signed it, or a CA between is missing from what it shows',
  ],
  [/INVALID_PURPOSE/, 'it is not made for clients (extended key usage)'],
  [/INVALID_CA|PATH_LENGTH/, 'what signed it must not sign certificates'],
  [/CERT_SIGNATURE_FAILURE|CERT_UNTRUSTED|CERT_REJECTED/, 'our CA has not signed it'],
  [
    /alert (unknown ca|bad certificate|unsupported certificate|certificate unknown)/,
    'it does not accept our certificate; does it have the CA that signed that (ovs-vsctl get-ssl)?',
  ],
  [/alert certificate expired/, 'to it our certificate has expired; is its clock right?'],
  [
    /http request|wrong version number|packet length too long|unknown protocol|bad record type/,
    'it does not speak TLS; its target would begin with ssl:',
  ],
  [/unsupported protocol|version too low|protocol version/, 'TLS 1.2 or 1.3 it would be'],
  [/no shared cipher|no suitable/, 'nothing to encrypt with that both ends know'],
  [/handshake timeout/i, 'it dialled and said too little'],
  [
    /ECONNRESET|EPIPE|socket hang up|disconnected before secure/,
    'it hung up in the handshake; perhaps it has no key, or does not accept our certificate',
  ],
]

/** The reason, and behind it what it means where that is known. */
export function explainRefusal(reason: string): string {
  const meaning = rows.find(([pattern]) => pattern.test(reason))?.[1]
  return meaning === undefined ? reason : `${reason} (${meaning})`
}
