/**
 * Makes keys and X.509 certificates: ECDSA on P-256 with SHA-256, RFC 5280. The formats are those of
 * @peculiar/asn1-x509, keys and signatures are node:crypto's.
 *
 * One CA signs for controllers and hosts, so the extended key usage tells them apart: a host's certificate
 * is good for clients only. Open vSwitch compares no names; without that rule any host's key could play the
 * controller to all others. Neighbours: pki-folder.ts keeps them in files, identity.ts reads them back.
 */
import {
  createHash,
  createPrivateKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  sign,
  X509Certificate,
} from 'node:crypto'
import { AsnConvert, OctetString } from '@peculiar/asn1-schema'
import {
  AlgorithmIdentifier,
  AttributeTypeAndValue,
  AttributeValue,
  AuthorityKeyIdentifier,
  BasicConstraints,
  Certificate,
  Validity as CertificateValidity,
  ExtendedKeyUsage,
  Extension,
  Extensions,
  GeneralName,
  id_ce_authorityKeyIdentifier,
  id_ce_basicConstraints,
  id_ce_extKeyUsage,
  id_ce_keyUsage,
  id_ce_subjectAltName,
  id_ce_subjectKeyIdentifier,
  id_kp_clientAuth,
  id_kp_serverAuth,
  KeyIdentifier,
  KeyUsage,
  KeyUsageFlags,
  Name,
  RelativeDistinguishedName,
  SubjectAlternativeName,
  SubjectKeyIdentifier,
  SubjectPublicKeyInfo,
  TBSCertificate,
  Version,
} from '@peculiar/asn1-x509'

/** A private key (PKCS #8) and its certificate, both in PEM. */
export interface Issued {
  readonly key: string
  readonly cert: string
}

/** What a certificate is good for. */
export type Role = 'authority' | 'controller' | 'host'

export interface Validity {
  readonly from: Date
  /** Last second of validity; a certificate is never valid for longer than its CA. */
  readonly until: Date
}

export interface CertificateRequest extends Validity {
  /** CN of the subject, for people. At most 64 characters (RFC 5280, ub-common-name). */
  readonly name: string
  readonly role: Role
  /** Goes into the subjectAltName; a host has its identity here. */
  readonly uris?: readonly string[]
  readonly dnsNames?: readonly string[]
  readonly addresses?: readonly string[]
}

const COMMON_NAME = '2.5.4.3'
const ECDSA_WITH_SHA256 = '1.2.840.10045.4.3.2'
const SERIAL_BYTES = 16

/** What the roles differ in. RFC 5280 §4.2.1.3, §4.2.1.9, §4.2.1.12. */
const roles = {
  authority: { usage: KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, purpose: undefined },
  controller: { usage: KeyUsageFlags.digitalSignature, purpose: id_kp_serverAuth },
  host: { usage: KeyUsageFlags.digitalSignature, purpose: id_kp_clientAuth },
} as const

/** A new CA, which signs itself. */
export function issueAuthority(request: Omit<CertificateRequest, 'role'>): Issued {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const name = nameOf(request.name)
  const issuer = { name, keyId: keyIdOf(publicKey), key: privateKey }
  return made({ ...request, role: 'authority' }, { name, publicKey, privateKey, issuer })
}

/** The same CA, name and key, with another validity: what it has signed verifies with either certificate. */
export function renewAuthority(authority: Issued, validity: Validity): Issued {
  const issuer = issuerOf(authority)
  const { name, key: privateKey } = issuer
  const { publicKey } = new X509Certificate(authority.cert)
  return made({ role: 'authority', ...validity }, { name, publicKey, privateKey, issuer })
}

/** A new key and its certificate, signed by an authority. @throws Error when the authority is none */
export function issue(authority: Issued, request: CertificateRequest): Issued {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const { validToDate } = new X509Certificate(authority.cert)
  const until = new Date(Math.min(request.until.getTime(), validToDate.getTime()))
  const name = nameOf(request.name)
  const issuer = issuerOf(authority)
  return made({ ...request, until }, { name, publicKey, privateKey, issuer })
}

function issuerOf({ key, cert }: Issued): Keys['issuer'] {
  const { raw, publicKey } = new X509Certificate(cert)
  const { subject, extensions = [] } = AsnConvert.parse(raw, Certificate).tbsCertificate
  const given = extensions.find(({ extnID }) => extnID === id_ce_subjectKeyIdentifier)
  const keyId = given
    ? Buffer.from(AsnConvert.parse(given.extnValue.buffer, SubjectKeyIdentifier).buffer)
    : keyIdOf(publicKey)
  return { name: subject, keyId, key: createPrivateKey(key) }
}

interface Keys {
  readonly name: Name
  readonly publicKey: KeyObject
  readonly privateKey: KeyObject
  readonly issuer: { readonly name: Name; readonly keyId: Buffer; readonly key: KeyObject }
}

type Contents = Omit<CertificateRequest, 'name'>

function made(request: Contents, { name, publicKey, privateKey, issuer }: Keys): Issued {
  const signature = new AlgorithmIdentifier({ algorithm: ECDSA_WITH_SHA256 })
  const tbsCertificate = new TBSCertificate({
    version: Version.v3,
    serialNumber: serial(),
    signature,
    issuer: issuer.name,
    validity: new CertificateValidity({ notBefore: request.from, notAfter: request.until }),
    subject: name,
    subjectPublicKeyInfo: AsnConvert.parse(spki(publicKey), SubjectPublicKeyInfo),
    extensions: new Extensions(extensionsOf(request, publicKey, issuer.keyId)),
  })
  const signatureValue = bufferOf(
    sign('sha256', Buffer.from(AsnConvert.serialize(tbsCertificate)), issuer.key),
  )
  const certificate = new Certificate({
    tbsCertificate,
    signatureAlgorithm: signature,
    signatureValue,
  })
  return {
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    cert: new X509Certificate(Buffer.from(AsnConvert.serialize(certificate))).toString(),
  }
}

function extensionsOf(request: Contents, publicKey: KeyObject, issuerKeyId: Buffer): Extension[] {
  const { usage, purpose } = roles[request.role]
  const cA = request.role === 'authority'
  const constraints = new BasicConstraints(cA ? { cA, pathLenConstraint: 0 } : {})
  const extensions = [
    extension(id_ce_basicConstraints, constraints, true),
    extension(id_ce_keyUsage, new KeyUsage(usage), true),
    extension(
      id_ce_subjectKeyIdentifier,
      new SubjectKeyIdentifier(bufferOf(keyIdOf(publicKey))),
      false,
    ),
    extension(
      id_ce_authorityKeyIdentifier,
      new AuthorityKeyIdentifier({ keyIdentifier: new KeyIdentifier(bufferOf(issuerKeyId)) }),
      false,
    ),
  ]
  if (purpose) extensions.push(extension(id_ce_extKeyUsage, new ExtendedKeyUsage([purpose]), false))
  const names = [
    ...(request.uris ?? []).map((uri) => new GeneralName({ uniformResourceIdentifier: uri })),
    ...(request.dnsNames ?? []).map((name) => new GeneralName({ dNSName: name })),
    ...(request.addresses ?? []).map((address) => new GeneralName({ iPAddress: address })),
  ]
  if (names.length)
    extensions.push(extension(id_ce_subjectAltName, new SubjectAlternativeName(names), false))
  return extensions
}

function extension(extnID: string, value: unknown, critical: boolean): Extension {
  return new Extension({
    extnID,
    critical,
    extnValue: new OctetString(AsnConvert.serialize(value)),
  })
}

function nameOf(commonName: string): Name {
  const value = new AttributeValue({ utf8String: commonName.slice(0, 64) })
  return new Name([
    new RelativeDistinguishedName([new AttributeTypeAndValue({ type: COMMON_NAME, value })]),
  ])
}

/** Positive, and the same length always. RFC 5280 §4.1.2.2. */
function serial(): ArrayBuffer {
  const bytes = randomBytes(SERIAL_BYTES)
  bytes[0] = ((bytes[0] ?? 0) & 0x3f) | 0x40
  return bufferOf(bytes)
}

function spki(key: KeyObject): Buffer {
  return key.export({ type: 'spki', format: 'der' })
}

/** RFC 7093 §2, method 4: of the whole SubjectPublicKeyInfo. */
function keyIdOf(key: KeyObject): Buffer {
  return createHash('sha256').update(spki(key)).digest().subarray(0, 20)
}

function bufferOf(bytes: Uint8Array): ArrayBuffer {
  return Uint8Array.from(bytes).buffer
}
