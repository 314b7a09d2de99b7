// Constants and types of IPMI 2.0 (second generation, rev. 1.1), spelt as the specification spells them. No code.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace bmcvault::ipmi {

inline constexpr std::uint16_t kRmcpPort = 623;        // §13.1.2
inline constexpr std::size_t kUserNameSize = 16;       // §22.28
inline constexpr std::size_t kPasswordSize16 = 16;     // §22.30
inline constexpr std::size_t kPasswordSize20 = 20;     // §22.30
inline constexpr std::size_t kKgSize = 20;             // §22.25
inline constexpr std::size_t kGuidSize = 16;           // §20.8
inline constexpr std::size_t kRandomSize = 16;         // §13.20
inline constexpr std::uint8_t kMaxUserId = 63;         // §22.26
inline constexpr std::uint8_t kPresentChannel = 0x0e;  // §6.3
inline constexpr std::uint8_t kNameOnlyLookup = 0x10;  // RAKP 1 role byte, bit 4 (§13.20)

using Guid = std::array<std::uint8_t, kGuidSize>;
using Random16 = std::array<std::uint8_t, kRandomSize>;

enum class PrivilegeLevel : std::uint8_t {  // §6.8
    kHighestMatching = 0,
    kCallback = 1,
    kUser = 2,
    kOperator = 3,
    kAdministrator = 4,
    kOem = 5,
    kNoAccess = 0x0f,
};

enum class ChannelMedium : std::uint8_t { kLan8023 = 0x04, kSerial = 0x05, kOtherLan = 0x06 };  // §6.5, Table 6-3

enum class PayloadType : std::uint8_t {  // §13.27.3
    kIpmi = 0x00,
    kSol = 0x01,
    kOpenSessionRequest = 0x10,
    kOpenSessionResponse = 0x11,
    kRakp1 = 0x12,
    kRakp2 = 0x13,
    kRakp3 = 0x14,
    kRakp4 = 0x15,
};

enum class AuthenticationAlgorithm : std::uint8_t {
    kNone = 0,
    kHmacSha1 = 1,
    kHmacMd5 = 2,
    kHmacSha256 = 3
};  // §13.28
enum class IntegrityAlgorithm : std::uint8_t {
    kNone = 0,
    kHmacSha1_96 = 1,
    kHmacMd5_128 = 2,
    kMd5_128 = 3,
    kHmacSha256_128 = 4
};
enum class ConfidentialityAlgorithm : std::uint8_t { kNone = 0, kAesCbc128 = 1, kXrc4_128 = 2, kXrc4_40 = 3 };

struct CipherSuite {  // §22.15.2, Table 22-20
    std::uint8_t id;
    AuthenticationAlgorithm authentication;
    IntegrityAlgorithm integrity;
    ConfidentialityAlgorithm confidentiality;
    friend bool operator==(const CipherSuite&, const CipherSuite&) = default;
};

inline constexpr std::array<CipherSuite, 12> kCipherSuites{{
    {0, AuthenticationAlgorithm::kNone, IntegrityAlgorithm::kNone, ConfidentialityAlgorithm::kNone},
    {1, AuthenticationAlgorithm::kHmacSha1, IntegrityAlgorithm::kNone, ConfidentialityAlgorithm::kNone},
    {2, AuthenticationAlgorithm::kHmacSha1, IntegrityAlgorithm::kHmacSha1_96, ConfidentialityAlgorithm::kNone},
    {3, AuthenticationAlgorithm::kHmacSha1, IntegrityAlgorithm::kHmacSha1_96, ConfidentialityAlgorithm::kAesCbc128},
    {6, AuthenticationAlgorithm::kHmacMd5, IntegrityAlgorithm::kNone, ConfidentialityAlgorithm::kNone},
    {7, AuthenticationAlgorithm::kHmacMd5, IntegrityAlgorithm::kHmacMd5_128, ConfidentialityAlgorithm::kNone},
    {8, AuthenticationAlgorithm::kHmacMd5, IntegrityAlgorithm::kHmacMd5_128, ConfidentialityAlgorithm::kAesCbc128},
    {11, AuthenticationAlgorithm::kHmacMd5, IntegrityAlgorithm::kMd5_128, ConfidentialityAlgorithm::kNone},
    {12, AuthenticationAlgorithm::kHmacMd5, IntegrityAlgorithm::kMd5_128, ConfidentialityAlgorithm::kAesCbc128},
    {15, AuthenticationAlgorithm::kHmacSha256, IntegrityAlgorithm::kNone, ConfidentialityAlgorithm::kNone},
    {16, AuthenticationAlgorithm::kHmacSha256, IntegrityAlgorithm::kHmacSha256_128, ConfidentialityAlgorithm::kNone},
    {17, AuthenticationAlgorithm::kHmacSha256, IntegrityAlgorithm::kHmacSha256_128,
     ConfidentialityAlgorithm::kAesCbc128},
}};

enum class RmcpplusStatus : std::uint8_t {  // §13.24, Table 13-15
    kOk = 0x00,
    kInsufficientResources = 0x01,
    kInvalidSessionId = 0x02,
    kInvalidPayloadType = 0x03,
    kInvalidAuthenticationAlgorithm = 0x04,
    kInvalidIntegrityAlgorithm = 0x05,
    kNoMatchingAuthenticationPayload = 0x06,
    kNoMatchingIntegrityPayload = 0x07,
    kInactiveSessionId = 0x08,
    kInvalidRole = 0x09,
    kUnauthorizedRole = 0x0a,
    kInsufficientResourcesAtRole = 0x0b,
    kInvalidNameLength = 0x0c,
    kUnauthorizedName = 0x0d,
    kUnauthorizedGuid = 0x0e,
    kInvalidIntegrityCheckValue = 0x0f,
    kInvalidConfidentialityAlgorithm = 0x10,
    kNoCipherSuiteMatch = 0x11,
    kIllegalParameter = 0x12,
};

enum class CompletionCode : std::uint8_t {  // §5.2, Table 5-2; 80h and up are command-specific
    kOk = 0x00,
    kPasswordTestFailed = 0x80,
    kPasswordTestWrongSize = 0x81,
    kNodeBusy = 0xc0,
    kInvalidCommand = 0xc1,
    kInvalidForLun = 0xc2,
    kTimeout = 0xc3,
    kOutOfSpace = 0xc4,
    kRequestDataLengthInvalid = 0xc7,
    kRequestDataFieldLengthLimitExceeded = 0xc8,
    kParameterOutOfRange = 0xc9,
    kNotPresent = 0xcb,
    kInvalidDataField = 0xcc,
    kCommandIllegalForSensorOrRecord = 0xcd,
    kNoResponse = 0xce,
    kInitializing = 0xd2,
    kInsufficientPrivilege = 0xd4,
    kNotSupportedInState = 0xd5,
    kUnspecified = 0xff,
};

enum class NetFn : std::uint8_t {
    kChassis = 0x00,
    kSensorEvent = 0x04,
    kApp = 0x06,
    kStorage = 0x0a,
    kTransport = 0x0c,
    kGroupExtension = 0x2c,
    kOem30 = 0x30,  // from here on by the manufacturer of Get Device ID
    kOem32 = 0x32,
    kOem3a = 0x3a,
};  // §5.1

// Network function App (06h), §20 and §22.
inline constexpr std::uint8_t kGetDeviceId = 0x01;                           // §20.1
inline constexpr std::uint8_t kGetDeviceGuid = 0x08;                         // §20.8
inline constexpr std::uint8_t kGetSystemGuid = 0x37;                         // §22.14
inline constexpr std::uint8_t kGetChannelAuthenticationCapabilities = 0x38;  // §22.13
inline constexpr std::uint8_t kSetSessionPrivilegeLevel = 0x3b;              // §22.18
inline constexpr std::uint8_t kCloseSession = 0x3c;                          // §22.19
inline constexpr std::uint8_t kGetSessionInfo = 0x3d;                        // §22.20
inline constexpr std::uint8_t kSetChannelAccess = 0x40;                      // §22.22
inline constexpr std::uint8_t kGetChannelAccess = 0x41;                      // §22.23
inline constexpr std::uint8_t kGetChannelInfo = 0x42;                        // §22.24
inline constexpr std::uint8_t kSetUserAccess = 0x43;                         // §22.26
inline constexpr std::uint8_t kGetUserAccess = 0x44;                         // §22.27
inline constexpr std::uint8_t kSetUserName = 0x45;                           // §22.28
inline constexpr std::uint8_t kGetUserName = 0x46;                           // §22.29
inline constexpr std::uint8_t kSetUserPassword = 0x47;                       // §22.30
inline constexpr std::uint8_t kSetUserPayloadAccess = 0x4c;                  // §24.6
inline constexpr std::uint8_t kGetUserPayloadAccess = 0x4d;                  // §24.7
inline constexpr std::uint8_t kGetChannelCipherSuites = 0x54;                // §22.15
inline constexpr std::uint8_t kSetChannelSecurityKeys = 0x56;                // §22.25
// Network function Transport (0Ch), §23.
inline constexpr std::uint8_t kSetLanConfigurationParameters = 0x01;  // §23.1
inline constexpr std::uint8_t kGetLanConfigurationParameters = 0x02;  // §23.2
// Network function Storage (0Ah), §31.
inline constexpr std::uint8_t kGetSelInfo = 0x40;   // §31.2
inline constexpr std::uint8_t kReserveSel = 0x42;   // §31.4
inline constexpr std::uint8_t kGetSelEntry = 0x43;  // §31.5
inline constexpr std::uint8_t kClearSel = 0x47;     // §31.9

enum class PasswordOperation : std::uint8_t {
    kDisableUser = 0,
    kEnableUser = 1,
    kSetPassword = 2,
    kTestPassword = 3
};  // §22.30
enum class SecurityKeyOperation : std::uint8_t { kRead = 0, kSet = 1, kLock = 2 };  // §22.25
enum class SecurityKeyId : std::uint8_t { kKr = 0, kKg = 1 };                       // §22.25

}  // namespace bmcvault::ipmi
