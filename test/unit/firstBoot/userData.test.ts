import { renderUserData, type UserDataInputs } from "../../../components/firstBoot/userData";

const inputs: UserDataInputs = {
  family: "debian",
  user: "crossborder",
  authorizedKeys: ["ssh-ed25519 AAAAdeployment", "ssh-ed25519 AAAAoperator she@desk"],
  sshPort: 22,
  bootstrapKey: {
    privateKey: "-----BEGIN EC PRIVATE KEY-----\nbootstrap\n-----END EC PRIVATE KEY-----\n",
    publicKey: "ecdsa-sha2-nistp256 AAAAbootstrap",
  },
};

const configOf = (changes: Partial<UserDataInputs>): Record<string, unknown> => {
  const [marker, ...lines] = renderUserData({ ...inputs, ...changes }).split("\n");
  expect(marker).toBe("#cloud-config");
  return JSON.parse(lines.join("\n")) as Record<string, unknown>;
};

test("the user data of Debian's family", () => {
  expect(renderUserData(inputs)).toMatchSnapshot();
});

test("the user data of Red Hat's family, with sshd on another port", () => {
  expect(renderUserData({ ...inputs, family: "rhel", sshPort: 2222 })).toMatchSnapshot();
});

test.each(["debian", "rhel"] as const)("%s: nobody logs in as root or with a password", (family) => {
  expect(configOf({ family })).toMatchObject({
    disable_root: true,
    ssh_pwauth: false,
    allow_public_ssh_keys: false,
    users: [{ name: "crossborder", lock_passwd: true }],
  });
});

test("the one host key is the one that is given", () => {
  expect(configOf({})).toMatchObject({
    ssh_deletekeys: true,
    ssh_keys: {
      ecdsa_private: inputs.bootstrapKey.privateKey,
      ecdsa_public: inputs.bootstrapKey.publicKey,
    },
  });
  expect(Object.keys(configOf({})["ssh_keys"] as object)).toHaveLength(2);
});

test("the usual port needs no command", () => {
  expect(configOf({})).not.toHaveProperty("runcmd");
  expect(configOf({ sshPort: 2222 })["runcmd"]).toContainEqual(["sh", "-c", "systemctl restart ssh.service"]);
});
