namespace Ddpm.Hostile.Corpus;

/// <summary>JSON that is out to do harm: configurations of models, and bodies of requests.</summary>
internal static class JsonInputs
{
    public static IEnumerable<HostileInput> All() => [.. Of(InputKind.Network), .. Of(InputKind.Schedule), .. Of(InputKind.Classes), .. Of(InputKind.Index), .. Of(InputKind.Request), .. Special()];

    private static HostileInput Json(InputKind kind, string name, string text, string? refusal) => new(kind, name, path => Write(kind, path, text), refusal);

    private static void Write(InputKind kind, string path, string text)
    {
        if (kind != InputKind.Index)
        {
            File.WriteAllText(path, text);
            return;
        }
        File.WriteAllText(Path.Combine(path, "diffusion_pytorch_model.safetensors.index.json"), text);
        File.WriteAllBytes(Path.Combine(path, "diffusion_pytorch_model-00001-of-00002.safetensors"), WeightInputs.File(WeightInputs.Sound));
    }

    // What no reader of JSON takes.
    private static IEnumerable<HostileInput> Of(InputKind kind)
    {
        yield return Json(kind, "nothing at all", " ", "");
        yield return Json(kind, "null", "null", "");
        yield return Json(kind, "list", "[]", "");
        yield return Json(kind, "number", "1", "");
        yield return Json(kind, "cut short", "{\"a\":", "");
        yield return Json(kind, "two", "{}{}", "");
        yield return Json(kind, "comment", "{/* */}", "");
        yield return Json(kind, "last comma", "{\"a\":1,}", "");
        yield return Json(kind, "depth of 100,000", string.Concat(Enumerable.Repeat("{\"a\":", 100_000)), "");
        yield return Json(kind, "lists of depth 100,000", $$"""{"a":{{new string('[', 100_000)}}""", "");
        yield return Json(kind, "the same key twice", """{"a":1,"a":2}""", "");
        yield return Json(kind, "the same key twice, once escaped", """{"a":1,"\u0061":2}""", "");
        yield return Json(kind, "half a surrogate as key", """{"\ud800":1}""", "");
        yield return Json(kind, "half a surrogate as value", """{"model":"\ud800","_class_name":"\udfff","beta_schedule":"\ud800"}""", "");
        yield return Json(kind, "100,000 keys", "{" + string.Join(',', Enumerable.Range(0, 60_000).Select(n => $"\"k{n}\":{n}")) + "}", "");
        yield return Json(kind, "key of 900,000 letters", $$"""{"{{new string('k', 900_000)}}":1}""", "");
        yield return Json(kind, "number of 100,000 digits", $$"""{"count":{{new string('9', 100_000)}},"sample_size":{{new string('9', 100_000)}},"num_train_timesteps":{{new string('9', 100_000)}}}""", "");
        yield return Json(kind, "NUL", "{\"a\0\":1}", "");
        yield return Json(kind, "NUL in a value", """{"model":"a\u0000b","_class_name":"a\u0000b"}""", "");
    }

    private static IEnumerable<HostileInput> Special()
    {
        foreach (var body in new[] { """{"count":1e308}""", """{"count":-0}""", """{"count":1.0}""", """{"count":9223372036854775808}""", """{"seed":-1}""", """{"eta":1e999}""", """{"eta":NaN}""", """{"guidanceScale":-1e-400}""",
            """{"timesteps":[1,1]}""", """{"timesteps":[]}""", """{"timesteps":[null]}""", """{"timesteps":{"a":1}}""", """{"guide":{"kind":"inpaint","a":{}}}""", """{"picture":"===="}""", """{"model":true}""", """{"checkpointId":"00000000"}""", """{"sampler":{}}""", """{"__proto__":{}}""", """{"constructor":1}""", """{"$type":"System.IO.FileInfo"}""", """{"Count":1}""" })
            yield return Json(InputKind.Request, body, body, "");
        yield return Json(InputKind.Request, "sound", """{"count":1,"seed":1}""", null);
        yield return Json(InputKind.Request, "300,000 timesteps", $$"""{"timesteps":[{{string.Join(',', Enumerable.Repeat("null", 200_000))}}]}""", "");
        yield return Json(InputKind.Request, "1,000,000 unknown fields", "{" + string.Join(',', Enumerable.Range(0, 300_000).Select(n => $"\"k{n}\":0")) + "}", "") with { IsHeavy = true };

        foreach (var config in new[] { """{"sample_size":1e9}""", """{"sample_size":-1}""", """{"sample_size":"a"}""", """{"block_out_channels":[]}""", """{"block_out_channels":[2147483648]}""", """{"block_out_channels":null}""", """{"block_out_channels":[[1]]}""", """{"layers_per_block":2147483647}""",
            """{"norm_num_groups":0}""", """{"norm_eps":1e999}""", """{"norm_eps":NaN}""", """{"attention_head_dim":0}""", """{"attention_head_dim":-8}""", """{"down_block_types":[null]}""", """{"_class_name":[1]}""", """{"_class_name":"os.system"}""", """{"num_class_embeds":-1}""", """{"in_channels":0}""", """{"freq_shift":1e400}""", """{"downsample_padding":-1}""" })
            yield return Json(InputKind.Network, config, config, "");
        foreach (var config in new[] { """{"num_train_timesteps":0}""", """{"num_train_timesteps":-1}""", """{"num_train_timesteps":2147483648}""", """{"num_train_timesteps":1.5}""", """{"beta_start":NaN}""", """{"beta_end":Infinity}""", """{"beta_end":1e999}""", """{"beta_schedule":"x"}""", """{"beta_schedule":[]}""", """{"trained_betas":[NaN]}""", """{"trained_betas":{}}""",
            """{"trained_betas":[]}""", """{"prediction_type":1}""", """{"_class_name":{}}""", """{"_class_name":"PNDM"}""", """{"thresholding":1}""", """{"clip_sample_range":-1}""", """{"timestep_spacing":"\ud800"}""", """{"solver_order":99}""" })
            yield return Json(InputKind.Schedule, config, config, "");
        yield return Json(InputKind.Schedule, "sound", "{}", null);
        yield return Json(InputKind.Schedule, "1,000,000 betas", $$"""{"trained_betas":[{{string.Join(',', Enumerable.Repeat("0.1", 250_000))}}]}""", "");
        yield return Json(InputKind.Schedule, "quotes that make a search slow", $"{{\"a\":NaN,\"{string.Concat(Enumerable.Repeat("\\\"", 500_000))}", "");
        foreach (var classes in new[] { """{"names":[],"null_class":null}""", """{"names":["a","a"],"null_class":null}""", """{"names":[""],"null_class":null}""", """{"names":[null],"null_class":null}""", """{"names":["a"],"null_class":5}""", """{"names":["a"]}""", """{"names":"a","null_class":null}""", """{"names":["\ud800"],"null_class":null}""" })
            yield return Json(InputKind.Classes, classes, classes, "");
        yield return Json(InputKind.Classes, "sound", """{"names":["a"],"null_class":null}""", null);
        foreach (var index in new[] { """{"weight_map":{"a":"../../etc/passwd"}}""", """{"weight_map":{"a":"/etc/passwd"}}""", """{"weight_map":{"a":"diffusion_pytorch_model-00002-of-00002.safetensors"}}""", """{"weight_map":{"a":1}}""", """{"weight_map":{"a":null}}""", """{"weight_map":[]}""", """{"weight_map":{}}""", """{"weight_map":{"a":"diffusion_pytorch_model-00001-of-00002.safetensors"}}""",
            """{"weight_map":{"a":"diffusion_pytorch_model-00001-of-00002.safetensors","b":"diffusion_pytorch_model-00001-of-00002.safetensors","c":"diffusion_pytorch_model-00001-of-00002.safetensors"}}""", """{"weight_map":{"a":"\ud800"}}""" })
            yield return Json(InputKind.Index, index, index, "");
        yield return Json(InputKind.Index, "sound", """{"weight_map":{"a":"diffusion_pytorch_model-00001-of-00002.safetensors","b":"diffusion_pytorch_model-00001-of-00002.safetensors"}}""", null);
    }
}
