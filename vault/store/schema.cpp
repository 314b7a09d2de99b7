// Written for SQLite 3.15 (SQLCipher 3.4.1): no UPSERT, RETURNING, STRICT or generated columns. Never use INSERT OR
// REPLACE here: it deletes. The state table of the triggers is the one of vault/core/version_chain.cpp.
#include "vault/store/schema.hpp"

#include <sodium.h>

#include <array>
#include <string>

namespace bmcvault::vault {

namespace {

// A step that was released is never changed again: vaults made by it exist. (tests/vault/migration_test.cpp)
constexpr const char* kVersion1 = R"sql(
CREATE TABLE meta(k TEXT PRIMARY KEY NOT NULL, v BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE compartment(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE data_key(
  compartment_id INTEGER NOT NULL REFERENCES compartment(id),
  epoch INTEGER NOT NULL CHECK(epoch>=1),
  wrapped BLOB CHECK(wrapped IS NULL OR (typeof(wrapped)='blob' AND length(wrapped)=72)),
  state TEXT NOT NULL CHECK(state IN('active','decrypt-only','destroyed')),
  created_at INTEGER NOT NULL,
  CHECK((state='destroyed')=(wrapped IS NULL)),
  PRIMARY KEY(compartment_id,epoch)) WITHOUT ROWID;
CREATE UNIQUE INDEX data_key_one_active ON data_key(compartment_id) WHERE state='active';

CREATE TABLE bmc(
  id INTEGER PRIMARY KEY,
  uuid BLOB NOT NULL UNIQUE CHECK(typeof(uuid)='blob' AND length(uuid)=16),
  compartment_id INTEGER NOT NULL REFERENCES compartment(id),
  created_at INTEGER NOT NULL,
  name TEXT NOT NULL CHECK(length(name)>=1),
  address TEXT NOT NULL,
  port INTEGER NOT NULL CHECK(port BETWEEN 1 AND 65535),
  user_name TEXT NOT NULL,
  user_id INTEGER CHECK(user_id BETWEEN 1 AND 63),
  channel INTEGER NOT NULL CHECK(channel BETWEEN 0 AND 15),
  group_name TEXT NOT NULL,
  tags TEXT NOT NULL,
  retired INTEGER NOT NULL CHECK(retired IN(0,1)),
  hold_until INTEGER, hold_reason TEXT,
  quarantine_since INTEGER, quarantine_retry_at INTEGER, quarantine_reason TEXT,
  pin_guid BLOB CHECK(pin_guid IS NULL OR length(pin_guid)=16),
  pin_manufacturer INTEGER, pin_product INTEGER,
  pin_mac BLOB CHECK(pin_mac IS NULL OR length(pin_mac)=6),
  firmware TEXT NOT NULL,
  cipher_suite INTEGER,
  weaker_suite_allowed INTEGER NOT NULL CHECK(weaker_suite_allowed IN(0,1)),
  k_g_supported INTEGER CHECK(k_g_supported IN(0,1)),
  last_command TEXT, last_outcome TEXT, last_detail TEXT, last_at INTEGER);
CREATE UNIQUE INDEX bmc_one_name ON bmc(name) WHERE retired=0;
CREATE INDEX bmc_by_guid ON bmc(pin_guid) WHERE pin_guid IS NOT NULL AND retired=0;
CREATE TRIGGER bmc_no_delete BEFORE DELETE ON bmc
  BEGIN SELECT RAISE(ABORT,'a BMC is never deleted'); END;
CREATE TRIGGER bmc_identity_fixed BEFORE UPDATE OF id,uuid,created_at ON bmc
  BEGIN SELECT RAISE(ABORT,'identity columns are immutable'); END;

CREATE TABLE credential(
  bmc_id INTEGER NOT NULL REFERENCES bmc(id),
  kind INTEGER NOT NULL CHECK(kind IN(1,2)),
  subject INTEGER NOT NULL CHECK(subject BETWEEN 0 AND 63),
  version INTEGER NOT NULL CHECK(version>=1),
  state TEXT NOT NULL CHECK(state IN('pending','observed','current','previous','retired','failed','unknown','destroyed')),
  provenance TEXT NOT NULL
    CHECK(provenance IN('imported','factory','generated','manual','observed','put-back','restored')),
  stored_size INTEGER NOT NULL CHECK(stored_size=20 OR (stored_size=16 AND kind=1)),
  epoch INTEGER NOT NULL,
  sealed BLOB CHECK((state='destroyed')=(sealed IS NULL)
    AND (sealed IS NULL OR (typeof(sealed)='blob' AND length(sealed)=60))),
  created_at INTEGER NOT NULL,
  sent_at INTEGER, proved_at INTEGER, superseded_at INTEGER,
  note TEXT NOT NULL,
  CHECK(state<>'current' OR proved_at IS NOT NULL),
  PRIMARY KEY(bmc_id,kind,subject,version)) WITHOUT ROWID;
CREATE UNIQUE INDEX credential_one_current ON credential(bmc_id,kind,subject) WHERE state='current';
CREATE UNIQUE INDEX credential_one_pending ON credential(bmc_id,kind,subject) WHERE state='pending';
CREATE TRIGGER credential_no_delete BEFORE DELETE ON credential
  BEGIN SELECT RAISE(ABORT,'credential rows are never deleted'); END;
CREATE TRIGGER credential_begin_guard BEFORE INSERT ON credential
  WHEN NEW.state NOT IN('pending','observed','unknown','retired')
  BEGIN SELECT RAISE(ABORT,'a credential version can not begin in this state'); END;
CREATE TRIGGER credential_state_guard BEFORE UPDATE OF state ON credential
  WHEN NOT (OLD.state=NEW.state
    OR (OLD.state='pending' AND NEW.state IN('current','failed','unknown'))
    OR (OLD.state='observed' AND NEW.state='current')
    OR (OLD.state='current' AND NEW.state IN('previous','unknown'))
    OR (OLD.state='previous' AND NEW.state IN('retired','current'))
    OR (OLD.state='retired' AND NEW.state IN('current','destroyed'))
    OR (OLD.state='failed' AND NEW.state IN('current','destroyed'))
    OR (OLD.state='unknown' AND NEW.state IN('current','previous','failed')))
  BEGIN SELECT RAISE(ABORT,'illegal state change'); END;
CREATE TRIGGER credential_destroy_guard BEFORE UPDATE OF state ON credential
  WHEN NEW.state='destroyed' AND OLD.state<>'destroyed' AND NOT EXISTS(
    SELECT 1 FROM credential c WHERE c.bmc_id=OLD.bmc_id AND c.kind=OLD.kind AND c.subject=OLD.subject
      AND c.version>OLD.version AND c.proved_at IS NOT NULL)
  BEGIN SELECT RAISE(ABORT,'version may still be on the BMC'); END;
CREATE TRIGGER credential_identity_fixed
  BEFORE UPDATE OF bmc_id,kind,subject,version,provenance,stored_size,created_at ON credential
  BEGIN SELECT RAISE(ABORT,'identity columns are immutable'); END;
CREATE TRIGGER credential_seal_fixed BEFORE UPDATE OF sealed,epoch ON credential
  WHEN (NEW.sealed IS NOT OLD.sealed OR NEW.epoch<>OLD.epoch)
    AND NOT (NEW.epoch>OLD.epoch OR (NEW.epoch=OLD.epoch AND NEW.state='destroyed' AND NEW.sealed IS NULL))
  BEGIN SELECT RAISE(ABORT,'a sealed value only changes with its key epoch'); END;

CREATE TABLE fact(
  card TEXT NOT NULL, fact TEXT NOT NULL, value TEXT NOT NULL, learned_at INTEGER NOT NULL,
  PRIMARY KEY(card,fact)) WITHOUT ROWID;

CREATE TABLE campaign(
  id INTEGER PRIMARY KEY, command TEXT NOT NULL, selection TEXT NOT NULL,
  started_at INTEGER NOT NULL, finished_at INTEGER);
CREATE UNIQUE INDEX campaign_one_open ON campaign(command,selection) WHERE finished_at IS NULL;
CREATE TABLE campaign_bmc(
  campaign_id INTEGER NOT NULL REFERENCES campaign(id), bmc_id INTEGER NOT NULL REFERENCES bmc(id),
  outcome TEXT NOT NULL, done_at INTEGER NOT NULL,
  PRIMARY KEY(campaign_id,bmc_id)) WITHOUT ROWID;

CREATE TABLE audit(
  seq INTEGER PRIMARY KEY, at INTEGER NOT NULL, actor TEXT NOT NULL, event TEXT NOT NULL,
  bmc_uuid BLOB CHECK(bmc_uuid IS NULL OR (typeof(bmc_uuid)='blob' AND length(bmc_uuid)=16)),
  body TEXT NOT NULL,
  prev BLOB NOT NULL CHECK(typeof(prev)='blob' AND length(prev)=32),
  hash BLOB NOT NULL CHECK(typeof(hash)='blob' AND length(hash)=32));
CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit
  BEGIN SELECT RAISE(ABORT,'audit is append-only'); END;
CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit
  BEGIN SELECT RAISE(ABORT,'audit is append-only'); END;
CREATE TRIGGER audit_chain BEFORE INSERT ON audit
  WHEN NEW.seq IS NOT coalesce((SELECT max(seq) FROM audit),0)+1
    OR NEW.prev<>coalesce((SELECT hash FROM audit ORDER BY seq DESC LIMIT 1),zeroblob(32))
  BEGIN SELECT RAISE(ABORT,'audit chain break'); END;
)sql";

// Lists of old passwords.
constexpr const char* kVersion2 = R"sql(
CREATE TABLE password_list(
  id INTEGER PRIMARY KEY CHECK(id>=1),
  name TEXT NOT NULL UNIQUE CHECK(length(name) BETWEEN 1 AND 48),
  compartment_id INTEGER NOT NULL REFERENCES compartment(id),
  created_at INTEGER NOT NULL);
CREATE TABLE listed_password(
  list_id INTEGER NOT NULL REFERENCES password_list(id),
  entry INTEGER NOT NULL CHECK(entry>=1),
  label TEXT NOT NULL UNIQUE CHECK(length(label) BETWEEN 1 AND 64),
  stored_size INTEGER NOT NULL CHECK(stored_size IN(16,20)),
  used_from INTEGER, used_until INTEGER,
  epoch INTEGER NOT NULL,
  sealed BLOB NOT NULL CHECK(typeof(sealed)='blob' AND length(sealed)=60),
  CHECK(used_from IS NULL OR used_until IS NULL OR used_from<=used_until),
  PRIMARY KEY(list_id,entry)) WITHOUT ROWID;
CREATE TRIGGER password_list_no_delete BEFORE DELETE ON password_list
  BEGIN SELECT RAISE(ABORT,'a list of passwords is never deleted'); END;
CREATE TRIGGER password_list_fixed BEFORE UPDATE ON password_list
  BEGIN SELECT RAISE(ABORT,'a list of passwords is immutable'); END;
CREATE TRIGGER listed_password_no_delete BEFORE DELETE ON listed_password
  BEGIN SELECT RAISE(ABORT,'listed passwords are never deleted'); END;
CREATE TRIGGER listed_password_identity_fixed
  BEFORE UPDATE OF list_id,entry,label,stored_size,used_from,used_until ON listed_password
  BEGIN SELECT RAISE(ABORT,'identity columns are immutable'); END;
CREATE TRIGGER listed_password_seal_fixed BEFORE UPDATE OF sealed,epoch ON listed_password
  WHEN NEW.epoch<=OLD.epoch
  BEGIN SELECT RAISE(ABORT,'a sealed value only changes with its key epoch'); END;
)sql";

// Members, what they could read, and their departures; signatures of audit records.
constexpr const char* kVersion3 = R"sql(
CREATE TABLE member(
  id INTEGER PRIMARY KEY,
  slot INTEGER NOT NULL UNIQUE CHECK(slot>=1),
  name TEXT NOT NULL CHECK(length(name) BETWEEN 1 AND 64),
  type TEXT NOT NULL,
  role TEXT NOT NULL CHECK(role IN('owner','operator','auditor')),
  exchange_key BLOB CHECK(exchange_key IS NULL OR (typeof(exchange_key)='blob' AND length(exchange_key)=32)),
  signing_key BLOB CHECK(signing_key IS NULL OR (typeof(signing_key)='blob' AND length(signing_key)=32)),
  added_at INTEGER NOT NULL, removed_at INTEGER);
CREATE UNIQUE INDEX member_one_name ON member(name) WHERE removed_at IS NULL;
CREATE TRIGGER member_no_delete BEFORE DELETE ON member
  BEGIN SELECT RAISE(ABORT,'a member is never deleted'); END;
CREATE TRIGGER member_fixed BEFORE UPDATE OF id,slot,name,type,added_at ON member
  BEGIN SELECT RAISE(ABORT,'identity columns are immutable'); END;
CREATE TABLE access_span(
  member_id INTEGER NOT NULL REFERENCES member(id),
  compartment_id INTEGER NOT NULL REFERENCES compartment(id),
  from_at INTEGER NOT NULL, to_at INTEGER,
  PRIMARY KEY(member_id,compartment_id,from_at)) WITHOUT ROWID;
CREATE TRIGGER access_span_no_delete BEFORE DELETE ON access_span
  BEGIN SELECT RAISE(ABORT,'what could be read stays known'); END;
CREATE TABLE bmc_moved(
  bmc_id INTEGER NOT NULL REFERENCES bmc(id),
  from_compartment INTEGER NOT NULL REFERENCES compartment(id), at INTEGER NOT NULL,
  PRIMARY KEY(bmc_id,from_compartment,at)) WITHOUT ROWID;
CREATE TABLE holder(
  id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE CHECK(length(name) BETWEEN 1 AND 64),
  note TEXT NOT NULL, added_at INTEGER NOT NULL, departed_at INTEGER);
CREATE TABLE holder_bmc(
  holder_id INTEGER NOT NULL REFERENCES holder(id), bmc_id INTEGER NOT NULL REFERENCES bmc(id),
  since INTEGER NOT NULL, PRIMARY KEY(holder_id,bmc_id)) WITHOUT ROWID;
CREATE TABLE disclosure(
  seq INTEGER NOT NULL REFERENCES audit(seq), slot INTEGER NOT NULL,
  bmc_id INTEGER NOT NULL, kind INTEGER NOT NULL, subject INTEGER NOT NULL, version INTEGER NOT NULL,
  FOREIGN KEY(bmc_id,kind,subject,version) REFERENCES credential(bmc_id,kind,subject,version),
  PRIMARY KEY(seq,bmc_id,kind,subject,version)) WITHOUT ROWID;
CREATE TABLE departure(
  id INTEGER PRIMARY KEY, who TEXT NOT NULL, type TEXT NOT NULL CHECK(type IN('member','holder','host')),
  slot INTEGER, reason TEXT NOT NULL, at INTEGER NOT NULL, generation INTEGER NOT NULL,
  revoked_at INTEGER, finished_at INTEGER,
  CHECK((type='member')=(slot IS NOT NULL)));
CREATE UNIQUE INDEX departure_one_open ON departure(who,type) WHERE finished_at IS NULL;
CREATE TABLE exposure(
  departure_id INTEGER NOT NULL REFERENCES departure(id),
  bmc_id INTEGER NOT NULL, kind INTEGER NOT NULL, subject INTEGER NOT NULL, version INTEGER NOT NULL,
  revealed INTEGER NOT NULL CHECK(revealed IN(0,1)),
  FOREIGN KEY(bmc_id,kind,subject,version) REFERENCES credential(bmc_id,kind,subject,version),
  PRIMARY KEY(departure_id,bmc_id,kind,subject,version)) WITHOUT ROWID;
CREATE INDEX exposure_by_version ON exposure(bmc_id,kind,subject,version);
CREATE TRIGGER exposure_no_delete BEFORE DELETE ON exposure
  BEGIN SELECT RAISE(ABORT,'what was exposed stays known'); END;
CREATE TRIGGER exposure_fixed BEFORE UPDATE ON exposure
  BEGIN SELECT RAISE(ABORT,'what was exposed stays known'); END;
CREATE TABLE audit_signature(
  seq INTEGER PRIMARY KEY REFERENCES audit(seq),
  signer BLOB NOT NULL CHECK(typeof(signer)='blob' AND length(signer)=32),
  signature BLOB NOT NULL CHECK(typeof(signature)='blob' AND length(signature)=64));
CREATE TRIGGER audit_signature_no_update BEFORE UPDATE ON audit_signature
  BEGIN SELECT RAISE(ABORT,'audit is append-only'); END;
CREATE TRIGGER audit_signature_no_delete BEFORE DELETE ON audit_signature
  BEGIN SELECT RAISE(ABORT,'audit is append-only'); END;
)sql";

// BMCs that were proved wiped, whose credentials may be destroyed whatever state they are in.
constexpr const char* kVersion4 = R"sql(
CREATE TABLE wiped(
  bmc_id INTEGER PRIMARY KEY REFERENCES bmc(id), at INTEGER NOT NULL);
INSERT INTO wiped(bmc_id,at) SELECT b.id,max(a.at) FROM bmc b JOIN audit a ON a.bmc_uuid=b.uuid
  WHERE b.retired=1 AND a.event='bmc.deprovisioned' GROUP BY b.id;
CREATE TRIGGER wiped_is_retired BEFORE INSERT ON wiped
  WHEN NOT EXISTS(SELECT 1 FROM bmc WHERE id=NEW.bmc_id AND retired=1)
  BEGIN SELECT RAISE(ABORT,'a BMC in use is not wiped'); END;
CREATE TRIGGER wiped_no_delete BEFORE DELETE ON wiped
  BEGIN SELECT RAISE(ABORT,'what was wiped stays known'); END;
CREATE TRIGGER wiped_fixed BEFORE UPDATE ON wiped
  BEGIN SELECT RAISE(ABORT,'what was wiped stays known'); END;
CREATE TRIGGER bmc_wiped_stays_retired BEFORE UPDATE OF retired ON bmc
  WHEN NEW.retired=0 AND EXISTS(SELECT 1 FROM wiped WHERE bmc_id=OLD.id)
  BEGIN SELECT RAISE(ABORT,'a wiped BMC does not come back: it is a new one'); END;
DROP TRIGGER credential_state_guard;
CREATE TRIGGER credential_state_guard BEFORE UPDATE OF state ON credential
  WHEN NOT (OLD.state=NEW.state OR NEW.state='destroyed'
    OR (OLD.state='pending' AND NEW.state IN('current','failed','unknown'))
    OR (OLD.state='observed' AND NEW.state='current')
    OR (OLD.state='current' AND NEW.state IN('previous','unknown'))
    OR (OLD.state='previous' AND NEW.state IN('retired','current'))
    OR (OLD.state='retired' AND NEW.state='current')
    OR (OLD.state='failed' AND NEW.state='current')
    OR (OLD.state='unknown' AND NEW.state IN('current','previous','failed')))
  BEGIN SELECT RAISE(ABORT,'illegal state change'); END;
DROP TRIGGER credential_destroy_guard;
CREATE TRIGGER credential_destroy_guard BEFORE UPDATE OF state ON credential
  WHEN NEW.state='destroyed' AND OLD.state<>'destroyed'
    AND NOT EXISTS(SELECT 1 FROM wiped WHERE bmc_id=OLD.bmc_id)
    AND NOT (OLD.state IN('retired','failed') AND EXISTS(
      SELECT 1 FROM credential c WHERE c.bmc_id=OLD.bmc_id AND c.kind=OLD.kind AND c.subject=OLD.subject
        AND c.version>OLD.version AND c.proved_at IS NOT NULL))
  BEGIN SELECT RAISE(ABORT,'version may still be on the BMC'); END;
)sql";

// One number over the rows of every table but the log's (docs/vault-format.md, "State root"), in each audit record. No
// row is ever deleted. Signed keys of the administrators of later generations.
constexpr const char* kVersion5 = R"sql(
CREATE TABLE state(
  id INTEGER PRIMARY KEY CHECK(id=1),
  root BLOB NOT NULL CHECK(typeof(root)='blob' AND length(root)=32));
INSERT INTO state(id,root) VALUES(1,zeroblob(32));
ALTER TABLE audit ADD COLUMN root BLOB CHECK(root IS NULL OR (typeof(root)='blob' AND length(root)=32));
ALTER TABLE audit ADD COLUMN is_signed INTEGER CHECK(is_signed IN(0,1) AND (is_signed IS NULL)=(root IS NULL));
CREATE TABLE admin_key(
  generation INTEGER PRIMARY KEY CHECK(generation>=2),
  public_key BLOB NOT NULL CHECK(typeof(public_key)='blob' AND length(public_key)=32),
  endorsement BLOB NOT NULL CHECK(typeof(endorsement)='blob' AND length(endorsement)=64));
CREATE TRIGGER admin_key_no_delete BEFORE DELETE ON admin_key
  BEGIN SELECT RAISE(ABORT,'a key of an administrator stays known'); END;
CREATE TRIGGER admin_key_fixed BEFORE UPDATE ON admin_key
  BEGIN SELECT RAISE(ABORT,'a key of an administrator stays known'); END;
CREATE TRIGGER state_meta_insert AFTER INSERT ON meta
  BEGIN UPDATE state SET root=root_with(root,'meta',NEW.k,NEW.v); END;
CREATE TRIGGER state_meta_update AFTER UPDATE ON meta
  BEGIN UPDATE state SET root=root_with(root_without(root,'meta',OLD.k,OLD.v),'meta',NEW.k,NEW.v); END;
CREATE TRIGGER state_compartment_insert AFTER INSERT ON compartment
  BEGIN UPDATE state SET root=root_with(root,'compartment',NEW.id,NEW.name); END;
CREATE TRIGGER state_compartment_update AFTER UPDATE ON compartment
  BEGIN UPDATE state SET root=root_with(root_without(root,'compartment',OLD.id,OLD.name),'compartment',NEW.id,
    NEW.name); END;
CREATE TRIGGER state_data_key_insert AFTER INSERT ON data_key
  BEGIN UPDATE state SET root=root_with(root,'data_key',NEW.compartment_id,NEW.epoch,NEW.wrapped,NEW.state,
    NEW.created_at); END;
CREATE TRIGGER state_data_key_update AFTER UPDATE ON data_key
  BEGIN UPDATE state SET root=root_with(root_without(root,'data_key',OLD.compartment_id,OLD.epoch,OLD.wrapped,
    OLD.state,OLD.created_at),'data_key',NEW.compartment_id,NEW.epoch,NEW.wrapped,NEW.state,NEW.created_at); END;
CREATE TRIGGER state_bmc_insert AFTER INSERT ON bmc
  BEGIN UPDATE state SET root=root_with(root,'bmc',NEW.id,NEW.uuid,NEW.compartment_id,NEW.created_at,NEW.name,
    NEW.address,NEW.port,NEW.user_name,NEW.user_id,NEW.channel,NEW.group_name,NEW.tags,NEW.retired,NEW.hold_until,
    NEW.hold_reason,NEW.quarantine_since,NEW.quarantine_retry_at,NEW.quarantine_reason,NEW.pin_guid,
    NEW.pin_manufacturer,NEW.pin_product,NEW.pin_mac,NEW.firmware,NEW.cipher_suite,NEW.weaker_suite_allowed,
    NEW.k_g_supported,NEW.last_command,NEW.last_outcome,NEW.last_detail,NEW.last_at); END;
CREATE TRIGGER state_bmc_update AFTER UPDATE ON bmc
  BEGIN UPDATE state SET root=root_with(root_without(root,'bmc',OLD.id,OLD.uuid,OLD.compartment_id,OLD.created_at,
    OLD.name,OLD.address,OLD.port,OLD.user_name,OLD.user_id,OLD.channel,OLD.group_name,OLD.tags,OLD.retired,
    OLD.hold_until,OLD.hold_reason,OLD.quarantine_since,OLD.quarantine_retry_at,OLD.quarantine_reason,OLD.pin_guid,
    OLD.pin_manufacturer,OLD.pin_product,OLD.pin_mac,OLD.firmware,OLD.cipher_suite,OLD.weaker_suite_allowed,
    OLD.k_g_supported,OLD.last_command,OLD.last_outcome,OLD.last_detail,OLD.last_at),'bmc',NEW.id,NEW.uuid,
    NEW.compartment_id,NEW.created_at,NEW.name,NEW.address,NEW.port,NEW.user_name,NEW.user_id,NEW.channel,
    NEW.group_name,NEW.tags,NEW.retired,NEW.hold_until,NEW.hold_reason,NEW.quarantine_since,NEW.quarantine_retry_at,
    NEW.quarantine_reason,NEW.pin_guid,NEW.pin_manufacturer,NEW.pin_product,NEW.pin_mac,NEW.firmware,NEW.cipher_suite,
    NEW.weaker_suite_allowed,NEW.k_g_supported,NEW.last_command,NEW.last_outcome,NEW.last_detail,NEW.last_at); END;
CREATE TRIGGER state_credential_insert AFTER INSERT ON credential
  BEGIN UPDATE state SET root=root_with(root,'credential',NEW.bmc_id,NEW.kind,NEW.subject,NEW.version,NEW.state,
    NEW.provenance,NEW.stored_size,NEW.epoch,NEW.sealed,NEW.created_at,NEW.sent_at,NEW.proved_at,NEW.superseded_at,
    NEW.note); END;
CREATE TRIGGER state_credential_update AFTER UPDATE ON credential
  BEGIN UPDATE state SET root=root_with(root_without(root,'credential',OLD.bmc_id,OLD.kind,OLD.subject,OLD.version,
    OLD.state,OLD.provenance,OLD.stored_size,OLD.epoch,OLD.sealed,OLD.created_at,OLD.sent_at,OLD.proved_at,
    OLD.superseded_at,OLD.note),'credential',NEW.bmc_id,NEW.kind,NEW.subject,NEW.version,NEW.state,NEW.provenance,
    NEW.stored_size,NEW.epoch,NEW.sealed,NEW.created_at,NEW.sent_at,NEW.proved_at,NEW.superseded_at,NEW.note); END;
CREATE TRIGGER state_fact_insert AFTER INSERT ON fact
  BEGIN UPDATE state SET root=root_with(root,'fact',NEW.card,NEW.fact,NEW.value,NEW.learned_at); END;
CREATE TRIGGER state_fact_update AFTER UPDATE ON fact
  BEGIN UPDATE state SET root=root_with(root_without(root,'fact',OLD.card,OLD.fact,OLD.value,OLD.learned_at),'fact',
    NEW.card,NEW.fact,NEW.value,NEW.learned_at); END;
CREATE TRIGGER state_campaign_insert AFTER INSERT ON campaign
  BEGIN UPDATE state SET root=root_with(root,'campaign',NEW.id,NEW.command,NEW.selection,NEW.started_at,
    NEW.finished_at); END;
CREATE TRIGGER state_campaign_update AFTER UPDATE ON campaign
  BEGIN UPDATE state SET root=root_with(root_without(root,'campaign',OLD.id,OLD.command,OLD.selection,OLD.started_at,
    OLD.finished_at),'campaign',NEW.id,NEW.command,NEW.selection,NEW.started_at,NEW.finished_at); END;
CREATE TRIGGER state_campaign_bmc_insert AFTER INSERT ON campaign_bmc
  BEGIN UPDATE state SET root=root_with(root,'campaign_bmc',NEW.campaign_id,NEW.bmc_id,NEW.outcome,NEW.done_at); END;
CREATE TRIGGER state_campaign_bmc_update AFTER UPDATE ON campaign_bmc
  BEGIN UPDATE state SET root=root_with(root_without(root,'campaign_bmc',OLD.campaign_id,OLD.bmc_id,OLD.outcome,
    OLD.done_at),'campaign_bmc',NEW.campaign_id,NEW.bmc_id,NEW.outcome,NEW.done_at); END;
CREATE TRIGGER state_password_list_insert AFTER INSERT ON password_list
  BEGIN UPDATE state SET root=root_with(root,'password_list',NEW.id,NEW.name,NEW.compartment_id,NEW.created_at); END;
CREATE TRIGGER state_password_list_update AFTER UPDATE ON password_list
  BEGIN UPDATE state SET root=root_with(root_without(root,'password_list',OLD.id,OLD.name,OLD.compartment_id,
    OLD.created_at),'password_list',NEW.id,NEW.name,NEW.compartment_id,NEW.created_at); END;
CREATE TRIGGER state_listed_password_insert AFTER INSERT ON listed_password
  BEGIN UPDATE state SET root=root_with(root,'listed_password',NEW.list_id,NEW.entry,NEW.label,NEW.stored_size,
    NEW.used_from,NEW.used_until,NEW.epoch,NEW.sealed); END;
CREATE TRIGGER state_listed_password_update AFTER UPDATE ON listed_password
  BEGIN UPDATE state SET root=root_with(root_without(root,'listed_password',OLD.list_id,OLD.entry,OLD.label,
    OLD.stored_size,OLD.used_from,OLD.used_until,OLD.epoch,OLD.sealed),'listed_password',NEW.list_id,NEW.entry,
    NEW.label,NEW.stored_size,NEW.used_from,NEW.used_until,NEW.epoch,NEW.sealed); END;
CREATE TRIGGER state_member_insert AFTER INSERT ON member
  BEGIN UPDATE state SET root=root_with(root,'member',NEW.id,NEW.slot,NEW.name,NEW.type,NEW.role,NEW.exchange_key,
    NEW.signing_key,NEW.added_at,NEW.removed_at); END;
CREATE TRIGGER state_member_update AFTER UPDATE ON member
  BEGIN UPDATE state SET root=root_with(root_without(root,'member',OLD.id,OLD.slot,OLD.name,OLD.type,OLD.role,
    OLD.exchange_key,OLD.signing_key,OLD.added_at,OLD.removed_at),'member',NEW.id,NEW.slot,NEW.name,NEW.type,NEW.role,
    NEW.exchange_key,NEW.signing_key,NEW.added_at,NEW.removed_at); END;
CREATE TRIGGER state_access_span_insert AFTER INSERT ON access_span
  BEGIN UPDATE state SET root=root_with(root,'access_span',NEW.member_id,NEW.compartment_id,NEW.from_at,
    NEW.to_at); END;
CREATE TRIGGER state_access_span_update AFTER UPDATE ON access_span
  BEGIN UPDATE state SET root=root_with(root_without(root,'access_span',OLD.member_id,OLD.compartment_id,OLD.from_at,
    OLD.to_at),'access_span',NEW.member_id,NEW.compartment_id,NEW.from_at,NEW.to_at); END;
CREATE TRIGGER state_bmc_moved_insert AFTER INSERT ON bmc_moved
  BEGIN UPDATE state SET root=root_with(root,'bmc_moved',NEW.bmc_id,NEW.from_compartment,NEW.at); END;
CREATE TRIGGER state_bmc_moved_update AFTER UPDATE ON bmc_moved
  BEGIN UPDATE state SET root=root_with(root_without(root,'bmc_moved',OLD.bmc_id,OLD.from_compartment,OLD.at),
    'bmc_moved',NEW.bmc_id,NEW.from_compartment,NEW.at); END;
CREATE TRIGGER state_holder_insert AFTER INSERT ON holder
  BEGIN UPDATE state SET root=root_with(root,'holder',NEW.id,NEW.name,NEW.note,NEW.added_at,NEW.departed_at); END;
CREATE TRIGGER state_holder_update AFTER UPDATE ON holder
  BEGIN UPDATE state SET root=root_with(root_without(root,'holder',OLD.id,OLD.name,OLD.note,OLD.added_at,
    OLD.departed_at),'holder',NEW.id,NEW.name,NEW.note,NEW.added_at,NEW.departed_at); END;
CREATE TRIGGER state_holder_bmc_insert AFTER INSERT ON holder_bmc
  BEGIN UPDATE state SET root=root_with(root,'holder_bmc',NEW.holder_id,NEW.bmc_id,NEW.since); END;
CREATE TRIGGER state_holder_bmc_update AFTER UPDATE ON holder_bmc
  BEGIN UPDATE state SET root=root_with(root_without(root,'holder_bmc',OLD.holder_id,OLD.bmc_id,OLD.since),
    'holder_bmc',NEW.holder_id,NEW.bmc_id,NEW.since); END;
CREATE TRIGGER state_disclosure_insert AFTER INSERT ON disclosure
  BEGIN UPDATE state SET root=root_with(root,'disclosure',NEW.seq,NEW.slot,NEW.bmc_id,NEW.kind,NEW.subject,
    NEW.version); END;
CREATE TRIGGER state_disclosure_update AFTER UPDATE ON disclosure
  BEGIN UPDATE state SET root=root_with(root_without(root,'disclosure',OLD.seq,OLD.slot,OLD.bmc_id,OLD.kind,
    OLD.subject,OLD.version),'disclosure',NEW.seq,NEW.slot,NEW.bmc_id,NEW.kind,NEW.subject,NEW.version); END;
CREATE TRIGGER state_departure_insert AFTER INSERT ON departure
  BEGIN UPDATE state SET root=root_with(root,'departure',NEW.id,NEW.who,NEW.type,NEW.slot,NEW.reason,NEW.at,
    NEW.generation,NEW.revoked_at,NEW.finished_at); END;
CREATE TRIGGER state_departure_update AFTER UPDATE ON departure
  BEGIN UPDATE state SET root=root_with(root_without(root,'departure',OLD.id,OLD.who,OLD.type,OLD.slot,OLD.reason,
    OLD.at,OLD.generation,OLD.revoked_at,OLD.finished_at),'departure',NEW.id,NEW.who,NEW.type,NEW.slot,NEW.reason,
    NEW.at,NEW.generation,NEW.revoked_at,NEW.finished_at); END;
CREATE TRIGGER state_exposure_insert AFTER INSERT ON exposure
  BEGIN UPDATE state SET root=root_with(root,'exposure',NEW.departure_id,NEW.bmc_id,NEW.kind,NEW.subject,NEW.version,
    NEW.revealed); END;
CREATE TRIGGER state_exposure_update AFTER UPDATE ON exposure
  BEGIN UPDATE state SET root=root_with(root_without(root,'exposure',OLD.departure_id,OLD.bmc_id,OLD.kind,OLD.subject,
    OLD.version,OLD.revealed),'exposure',NEW.departure_id,NEW.bmc_id,NEW.kind,NEW.subject,NEW.version,
    NEW.revealed); END;
CREATE TRIGGER state_wiped_insert AFTER INSERT ON wiped
  BEGIN UPDATE state SET root=root_with(root,'wiped',NEW.bmc_id,NEW.at); END;
CREATE TRIGGER state_wiped_update AFTER UPDATE ON wiped
  BEGIN UPDATE state SET root=root_with(root_without(root,'wiped',OLD.bmc_id,OLD.at),'wiped',NEW.bmc_id,NEW.at); END;
CREATE TRIGGER state_admin_key_insert AFTER INSERT ON admin_key
  BEGIN UPDATE state SET root=root_with(root,'admin_key',NEW.generation,NEW.public_key,NEW.endorsement); END;
CREATE TRIGGER state_admin_key_update AFTER UPDATE ON admin_key
  BEGIN UPDATE state SET root=root_with(root_without(root,'admin_key',OLD.generation,OLD.public_key,OLD.endorsement),
    'admin_key',NEW.generation,NEW.public_key,NEW.endorsement); END;
)sql";

// Where the escrow log is. A program that does not know this table would stage without it: it refuses the vault.
constexpr const char* kVersion6 = R"sql(
CREATE TABLE escrow(
  id INTEGER PRIMARY KEY, file TEXT NOT NULL CHECK(length(file)>=1), slot INTEGER NOT NULL,
  since INTEGER NOT NULL, until INTEGER);
CREATE UNIQUE INDEX escrow_one_open ON escrow(until IS NULL) WHERE until IS NULL;
CREATE TRIGGER escrow_no_delete BEFORE DELETE ON escrow
  BEGIN SELECT RAISE(ABORT,'where an escrow log was kept stays known'); END;
CREATE TRIGGER escrow_fixed BEFORE UPDATE OF id,file,slot,since ON escrow
  BEGIN SELECT RAISE(ABORT,'where an escrow log was kept stays known'); END;
CREATE TRIGGER state_escrow_insert AFTER INSERT ON escrow
  BEGIN UPDATE state SET root=root_with(root,'escrow',NEW.id,NEW.file,NEW.slot,NEW.since,NEW.until); END;
CREATE TRIGGER state_escrow_update AFTER UPDATE ON escrow
  BEGIN UPDATE state SET root=root_with(root_without(root,'escrow',OLD.id,OLD.file,OLD.slot,OLD.since,OLD.until),
    'escrow',NEW.id,NEW.file,NEW.slot,NEW.since,NEW.until); END;
)sql";

// Where the escrow log ended when the vault had written to it last. No row: not written since this table is there.
constexpr const char* kVersion7 = R"sql(
CREATE TABLE escrow_end(
  escrow_id INTEGER PRIMARY KEY REFERENCES escrow(id), size INTEGER NOT NULL CHECK(size>=0),
  tail BLOB NOT NULL CHECK(typeof(tail)='blob' AND length(tail)=32));
CREATE TRIGGER escrow_end_no_delete BEFORE DELETE ON escrow_end
  BEGIN SELECT RAISE(ABORT,'where an escrow log ended stays known'); END;
CREATE TRIGGER escrow_end_fixed BEFORE UPDATE OF escrow_id ON escrow_end
  BEGIN SELECT RAISE(ABORT,'where an escrow log ended stays known'); END;
CREATE TRIGGER state_escrow_end_insert AFTER INSERT ON escrow_end
  BEGIN UPDATE state SET root=root_with(root,'escrow_end',NEW.escrow_id,NEW.size,NEW.tail); END;
CREATE TRIGGER state_escrow_end_update AFTER UPDATE ON escrow_end
  BEGIN UPDATE state SET root=root_with(root_without(root,'escrow_end',OLD.escrow_id,OLD.size,OLD.tail),
    'escrow_end',NEW.escrow_id,NEW.size,NEW.tail); END;
)sql";

// The older records of the log, many in one row. Their rows in audit go, which only a pack that holds them allows.
constexpr const char* kVersion8 = R"sql(
CREATE TABLE audit_pack(
  first INTEGER PRIMARY KEY CHECK(first>=1),
  last INTEGER NOT NULL CHECK(typeof(last)='integer' AND last>=first),
  last_hash BLOB NOT NULL CHECK(typeof(last_hash)='blob' AND length(last_hash)=32),
  records BLOB NOT NULL CHECK(typeof(records)='blob'),
  roots BLOB NOT NULL CHECK(typeof(roots)='blob'));
CREATE TRIGGER audit_pack_no_update BEFORE UPDATE ON audit_pack
  BEGIN SELECT RAISE(ABORT,'audit is append-only'); END;
CREATE TRIGGER audit_pack_no_delete BEFORE DELETE ON audit_pack
  BEGIN SELECT RAISE(ABORT,'audit is append-only'); END;
CREATE TRIGGER audit_pack_chain BEFORE INSERT ON audit_pack
  WHEN NEW.first IS NOT coalesce((SELECT last FROM audit_pack ORDER BY first DESC LIMIT 1),0)+1
    OR NEW.last_hash IS NOT (SELECT hash FROM audit WHERE seq=NEW.last)
  BEGIN SELECT RAISE(ABORT,'audit pack break'); END;
DROP TRIGGER audit_no_delete;
CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit
  WHEN OLD.seq>coalesce((SELECT last FROM audit_pack ORDER BY first DESC LIMIT 1),0)
    OR OLD.seq=(SELECT max(seq) FROM audit)
  BEGIN SELECT RAISE(ABORT,'audit is append-only'); END;
)sql";

// BLAKE2b-256 of what all steps leave in sqlite_master, as check_schema() reads it.
constexpr std::string_view kSchemaDigest = "593fc86655872825cfa90c76772218aaafb5518552caf21bfae60aab39941d19";

constexpr std::array<const char*, kSchemaVersion> kSteps{kVersion1, kVersion2, kVersion3, kVersion4,
                                                         kVersion5, kVersion6, kVersion7, kVersion8};

}  // namespace

std::span<const char* const> schema_steps() {
    return kSteps;
}

Result<void> run_schema_steps(Database& database, int from) {
    for (const auto* step : schema_steps().subspan(static_cast<std::size_t>(from)))
        if (auto done = database.run_script(step); !done) return done;
    return {};
}

Result<void> check_schema(Database& database) {
    std::string all;
    auto done = database.query("SELECT type,name,tbl_name,coalesce(sql,'') FROM sqlite_master ORDER BY type,name", {},
                               [&](const Row& row) {
                                   for (int column = 0; column < 4; ++column) all += row.text(column) + '\n';
                                   return Result<void>();
                               });
    if (!done) return done;
    Digest digest{};
    const auto bytes = as_bytes(all);
    crypto_generichash(digest.data(), digest.size(), bytes.data(), bytes.size(), nullptr, 0);
    if (to_hex(digest) == kSchemaDigest) return {};
    return fail(
        ErrorCode::kDamaged,
        "the store has other tables or triggers than this program makes: somebody who could write it has changed "
        "them; restore the newest backup that verifies");
}

}  // namespace bmcvault::vault
